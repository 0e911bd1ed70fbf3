/**
 * Scripts that run within Redis, so that what belongs together happens together. Each checks that a delivery is still its consumer's:
 * what another one has taken over is neither acknowledged nor moved. Times are those of Redis.
 */

/** Lua functions that scripts share: the time in ms, the owner's check, and the fields of an entry. */
const shared = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function mine(stream, group, consumer, id)
  local p = redis.call('XPENDING', stream, group, id, id, 1)
  return p[1] ~= nil and p[1][2] == consumer
end
local function fieldsOf(stream, id)
  local e = redis.call('XRANGE', stream, id, id)
  return e[1] and e[1][2]
end
local function without(fields, drop)
  local kept = {}
  for i = 1, #fields, 2 do
    if not drop[fields[i]] then
      kept[#kept + 1] = fields[i]
      kept[#kept + 1] = fields[i + 1]
    end
  end
  return kept
end
local function over(stream, group, id)
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end
`

/**
 * Moves jobs whose delay is over into the stream, and takes over what consumers that are gone left behind. Keys: stream, delayed.
 * Arguments: group, consumer, lease in ms, wanted, cursor. Returns taken entries with their counts, ms until the next delay ends (-1: none),
 * and the cursor.
 */
export const streamLook = `${shared}
local stream, delayed = KEYS[1], KEYS[2]
local group, consumer, lease, want, cursor = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local at = now()
for _, packed in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', at, 'LIMIT', 0, 200)) do
  local job = cmsgpack.unpack(packed)
  redis.call('XADD', stream, '*', unpack(job[2]))
  redis.call('ZREM', delayed, packed)
end
local nextMs = -1
local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
if first[2] then nextMs = math.max(0, tonumber(first[2]) - at) end
local taken = {}
if want > 0 then
  local claimed = redis.call('XAUTOCLAIM', stream, group, consumer, lease, cursor, 'COUNT', want)
  cursor = claimed[1]
  for _, entry in ipairs(claimed[2]) do
    if entry and entry[2] then
      local p = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)
      taken[#taken + 1] = { entry[1], entry[2], p[1] and p[1][4] or 1 }
    end
  end
end
return { taken, nextMs, cursor }
`

/** Acknowledges and deletes. Key: stream. Arguments: group, consumer, ids. Returns 1 or 0 for each. */
export const streamDone = `${shared}
local told = {}
for i = 3, #ARGV do
  if mine(KEYS[1], ARGV[1], ARGV[2], ARGV[i]) then
    over(KEYS[1], ARGV[1], ARGV[i])
    told[#told + 1] = 1
  else
    told[#told + 1] = 0
  end
end
return told
`

/** Resets the idle time: the lease begins anew. Key: stream. Arguments: group, consumer, idle ms, ids. Returns 1 or 0 for each. */
export const streamExtend = `${shared}
local told = {}
for i = 4, #ARGV do
  if mine(KEYS[1], ARGV[1], ARGV[2], ARGV[i]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3], 'JUSTID')
    told[#told + 1] = 1
  else
    told[#told + 1] = 0
  end
end
return told
`

/**
 * Puts an entry back with its tries, after a delay or at once. Keys: stream, delayed. Arguments: group, consumer, entry, id of the message,
 * tries, delay in ms. Returns 1 or 0.
 */
export const streamAgain = `${shared}
local stream, delayed = KEYS[1], KEYS[2]
local group, consumer, entry = ARGV[1], ARGV[2], ARGV[3]
if not mine(stream, group, consumer, entry) then return 0 end
local fields = fieldsOf(stream, entry)
if fields then
  local copy = without(fields, { message = true, attempts = true })
  for _, one in ipairs({ 'message', ARGV[4], 'attempts', ARGV[5] }) do copy[#copy + 1] = one end
  if tonumber(ARGV[6]) > 0 then
    redis.call('ZADD', delayed, now() + tonumber(ARGV[6]), cmsgpack.pack({ entry, copy }))
  else
    redis.call('XADD', stream, '*', unpack(copy))
  end
end
over(stream, group, entry)
return 1
`

/** Adds a job after a delay. Key: delayed. Arguments: delay in ms, unique id, fields. */
export const streamLater = `${shared}
local fields = {}
for i = 3, #ARGV do fields[#fields + 1] = ARGV[i] end
return redis.call('ZADD', KEYS[1], now() + tonumber(ARGV[1]), cmsgpack.pack({ ARGV[2], fields }))
`

/** Keeps an entry as failed. Keys: stream, failed. Arguments: group, consumer, entry, id of the message, tries, reason. Returns 1 or 0. */
export const streamKeep = `${shared}
local stream, failed = KEYS[1], KEYS[2]
if not mine(stream, ARGV[1], ARGV[2], ARGV[3]) then return 0 end
local fields = fieldsOf(stream, ARGV[3])
if fields then
  local copy = without(fields, { message = true, attempts = true })
  local more = { 'message', ARGV[4], 'attempts', ARGV[5], 'why', ARGV[6], 'failed_at', tostring(now()) }
  for _, one in ipairs(more) do copy[#copy + 1] = one end
  redis.call('XADD', failed, '*', unpack(copy))
end
over(stream, ARGV[1], ARGV[3])
return 1
`

/** Puts failed entries back with all tries ahead. Keys: failed, stream. Arguments: entries. Returns their number. */
export const streamRedrive = `${shared}
local count = 0
for i = 1, #ARGV do
  local fields = fieldsOf(KEYS[1], ARGV[i])
  if fields then
    redis.call('XADD', KEYS[2], '*', unpack(without(fields, { attempts = true, why = true, failed_at = true })))
    redis.call('XDEL', KEYS[1], ARGV[i])
    count = count + 1
  end
end
return count
`
