/** The door of HTTP for plugins of this package: requests and replies as RoadRunner's workers know them, forms and uploads. */
export { type FormBody, FormFault, type FormSettings, readBody } from './body.js'
export { BodyBudget } from './body-budget.js'
export { compressor } from './compress.js'
export { isHost } from './faults.js'
export { fileSender, type SendFile } from './files.js'
export { readFormStream } from './form-stream.js'
export {
  decodeReply,
  encodeRequest,
  type HttpCodec,
  type HttpHead,
  type HttpReplyHead,
} from './message.js'
export type { MultiValues } from './request.js'
export { hasBody } from './response.js'
export { canonicalName, isToken, readCookies } from './text.js'
export { clientRules, isWelcome, readTls, renewTls, type TlsKeys } from './tls.js'
export { uploadRemover } from './upload-removal.js'
export { sweepUploads, uploadId } from './upload-sweep.js'
