/** Conformance of every relay, whatever carries the bytes. Run by `tests/ipc/relays/relays.test.ts` for each adapter. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ErrorCode, type RelayError } from '../../src/core/errors.js'
import type { Frame, FrameParts } from '../../src/ipc/frame.js'
import type { Relay, RelayLimits, RelayReader } from '../../src/ipc/relay.js'
import { command } from '../ipc/peer.js'

/** A relay to a peer that serves as `tests/ipc/peer.ts` does. */
export interface Transport {
  readonly relay: Relay
  /** Resolves when the peer has seen the end of its input and has gone. */
  readonly peerGone: Promise<void>
}

/** Makes a relay; what it needs is undone when the test ends. */
export type OpenTransport = (t: TestContext, limits: RelayLimits) => Promise<Transport>

const limits: RelayLimits = { payloadBytesMax: 8 * 1024 * 1024, junkBytesMax: 64 * 1024 }
const job = (body: Uint8Array | string): FrameParts => ({ flags: 0x04, options: 'head', head: '{}', body })
const bodyOf = ({ payload, options }: Frame) => payload.subarray(options[0])

/** A reader that keeps everything and lets tests wait for it. */
class Keeper implements RelayReader {
  readonly frames: Frame[] = []
  readonly ends: (RelayError | undefined)[] = []
  text = ''
  onFrame: (frame: Frame) => void = () => undefined
  #look: () => void = () => undefined

  frame(frame: Frame): void {
    this.frames.push({ ...frame, payload: Buffer.from(frame.payload) })
    this.onFrame(frame)
    this.#look()
  }

  junk(bytes: Buffer): void {
    this.text += bytes.toString()
    this.#look()
  }

  closed(fault: RelayError | undefined): void {
    this.ends.push(fault)
    this.#look()
  }

  /** Resolves as soon as `isTrue`, looking whenever something comes. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => isTrue() && resolve()
      this.#look()
    })
  }
}

/** Registers the tests for one kind of relay. */
export function testRelay(name: string, open: OpenTransport): void {
  const start = async (t: TestContext, over: Partial<RelayLimits> = {}) => {
    const keeper = new Keeper()
    const transport = await open(t, { ...limits, ...over })
    t.after(() => transport.relay.close())
    return { ...transport, keeper }
  }

  test(`${name}: every field of a frame arrives as it was sent`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.read(keeper)
    const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const frame = { flags: 0xfe, stream: 0x0d, options: [0, 1, 0xffffffff, 4, 5, 6, 7, 8, 9, 10] }
    relay.send({ ...frame, head: payload })
    await keeper.until(() => keeper.frames.length === 1)
    assert.deepEqual(keeper.frames, [{ ...frame, payload }])
  })

  test(`${name}: bodies of all sizes arrive whole and in order, copied or not, bytes or text`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.read(keeper)
    const sizes = [0, 1, 16_384, 16_385, 65_536, 1_000_000, 6_000_000, 3]
    const bodies = sizes.flatMap((size) => [Buffer.alloc(size, size & 0xff), 'ž'.repeat(size / 2)])
    for (const body of bodies) relay.send(job(body))
    await keeper.until(() => keeper.frames.length === bodies.length || keeper.ends.length > 0)
    for (const [index, frame] of keeper.frames.entries()) {
      assert.ok(bodyOf(frame).equals(Buffer.from(bodies[index] ?? '')), `body ${index}`)
    }
    assert.equal(keeper.frames.length, bodies.length)
  })

  test(`${name}: what the peer prints is junk, and the frame behind it counts`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.read(keeper)
    relay.send(command({ print: 'Warning: hello\n' }))
    await keeper.until(() => keeper.text.endsWith('\n'))
    relay.send(job('a body'))
    await keeper.until(() => keeper.frames.length === 1)
    assert.equal(keeper.text, 'Warning: hello\n')
    assert.equal(keeper.frames[0]?.payload.toString(), '{}a body')
  })

  test(`${name}: frames that came before there was a reader are delivered to it`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.send(job('early'))
    await new Promise((resolve) => setImmediate(resolve))
    relay.read(keeper)
    await keeper.until(() => keeper.frames.length === 1)
    assert.equal(keeper.frames[0]?.payload.toString(), '{}early')
  })

  test(`${name}: a new reader gets everything from the very next frame on`, async (t) => {
    const { relay, keeper } = await start(t)
    const first = new Keeper()
    first.onFrame = () => relay.read(keeper)
    relay.read(first)
    for (const body of ['1', '2', '3']) relay.send(job(body))
    await keeper.until(() => keeper.frames.length === 2)
    relay.close()
    assert.deepEqual(
      first.frames.map((frame) => bodyOf(frame).toString()),
      ['1'],
    )
    assert.deepEqual(
      keeper.frames.map((frame) => bodyOf(frame).toString()),
      ['2', '3'],
    )
    assert.deepEqual([first.ends, keeper.ends], [[], [undefined]])
  })

  test(`${name}: the peer’s end is told once, after all it said, and later sends are dropped`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.read(keeper)
    relay.send(job('last'))
    relay.send(command({ print: 'bye', end: true }))
    await keeper.until(() => keeper.ends.length > 0)
    relay.send(job('too late'))
    relay.close()
    assert.equal(keeper.frames[0]?.payload.toString(), '{}last')
    assert.deepEqual([keeper.text, keeper.ends], ['bye', [undefined]])
  })

  test(`${name}: a reader that comes after the end is told of it`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.close()
    relay.read(keeper)
    assert.deepEqual(keeper.ends, [undefined])
  })

  test(`${name}: an end within a frame is a fault, and the half frame is not junk`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.read(keeper)
    relay.send(command({ bytes: '14040a0000008aa7b8b30000050000006865', end: true }))
    await keeper.until(() => keeper.ends.length > 0)
    assert.deepEqual(
      keeper.ends.map((fault) => fault?.code),
      [ErrorCode.RelayClosed],
    )
    assert.equal(keeper.text, '')
  })

  test(`${name}: a frame over the limit, or too much junk, ends the relay with that fault`, async (t) => {
    const long = await start(t, { payloadBytesMax: 9 })
    long.relay.read(long.keeper)
    long.relay.send(command({ bytes: '14040a0000008aa7b8b3000005000000' }))
    await long.keeper.until(() => long.keeper.ends.length > 0)
    assert.deepEqual(
      long.keeper.ends.map((fault) => fault?.code),
      [ErrorCode.FrameTooLarge],
    )

    const loud = await start(t, { junkBytesMax: 3 })
    loud.relay.read(loud.keeper)
    loud.relay.send(command({ print: 'four' }))
    await loud.keeper.until(() => loud.keeper.ends.length > 0)
    assert.deepEqual(
      loud.keeper.ends.map((fault) => fault?.code),
      [ErrorCode.BadFrame],
    )
    await Promise.all([long.peerGone, loud.peerGone])
  })

  test(`${name}: closing tells the reader at once, and the peer sees the end of its input`, async (t) => {
    const { relay, keeper, peerGone } = await start(t)
    relay.read(keeper)
    relay.send(job('round trip'))
    await keeper.until(() => keeper.frames.length === 1)
    relay.close()
    relay.close()
    assert.deepEqual(keeper.ends, [undefined])
    await peerGone
  })

  test(`${name}: a reader that closes the relay hears no more of it, not even of the same chunk`, async (t) => {
    const { relay, keeper, peerGone } = await start(t)
    keeper.onFrame = () => relay.close()
    relay.read(keeper)
    for (const body of ['1', '2', '3']) relay.send(job(body))
    await peerGone
    assert.deepEqual([keeper.frames.length, keeper.text, keeper.ends], [1, '', [undefined]])
  })

  test(`${name}: a peer that goes while it is being sent to is an end, not a crash`, async (t) => {
    const { relay, keeper } = await start(t)
    relay.read(keeper)
    relay.send(command({ end: true }))
    for (let count = 0; count < 50; count += 1) relay.send(job(Buffer.alloc(100_000)))
    await keeper.until(() => keeper.ends.length > 0)
    assert.equal(keeper.ends.length, 1)
    assert.equal(keeper.ends[0], undefined)
  })
}
