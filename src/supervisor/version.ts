/** Version of RoadRunner that the server is compatible with. */

/** RR_VERSION, and the answer of `rpc.Version`: PHP packages detect features by it. */
export const roadRunnerVersion = '2025.1.9'
