/**
 * Scripts of locks in Redis. Each has three keys of one resource: a hash of its holders, a sorted set of those who wait by their turn,
 * and a sorted set of them by the time at which they count as gone. Time is that of Redis, so clocks of servers do not matter.
 *
 * A holder is `KIND|END|OWNER|TOKEN`: END in ms; OWNER is the server that extends it, empty for a lock with a time of its own; TOKEN
 * is the wish, so that one that is sent again after a lost answer is not refused by itself. Who waits is `KIND|TOKEN`.
 */

/** Holders of one resource at most. */
const holdersMax = 10_000

const prelude = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function parts(text)
  local kind, ends, owner, token = string.match(text, '^(%a)|(%d+)|([^|]*)|([^|]*)$')
  return kind, tonumber(ends), owner, token
end
local holders = {}
local count = 0
local last = 0
local soonest = 0
local found = redis.call('HGETALL', KEYS[1])
for at = 1, #found, 2 do
  local kind, ends, owner, token = parts(found[at + 1])
  if ends <= now then
    redis.call('HDEL', KEYS[1], found[at])
  else
    holders[found[at]] = { kind = kind, ends = ends, owner = owner, token = token }
    count = count + 1
    if ends > last then last = ends end
    if soonest == 0 or ends < soonest then soonest = ends end
  end
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('ZREM', KEYS[3], gone)
end
local function hold(id, kind, ms, owner, token)
  redis.call('HSET', KEYS[1], id, kind .. '|' .. string.format('%.0f', now + ms) .. '|' .. owner .. '|' .. token)
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.max(last, now + ms)))
end
local function wake(channel, resource)
  if redis.call('ZCARD', KEYS[2]) > 0 then redis.call('PUBLISH', channel, resource) end
end
`

/**
 * Takes a lock, or its place in line. Arguments: kind, id, ms, owner, token, ms until who waits counts as gone (0: does not wait), channel,
 * resource. Returns 1, or the negative ms until the first holder ends.
 */
export const acquireLock = `${prelude}
local kind, id, ms, owner, token, aliveMs, channel, resource = unpack(ARGV)
local waiter = kind .. '|' .. token
local own = holders[id]
local isFree = true
local isPromotion = false
if own and own.token == token then return 1 end
if kind == 'r' then
  for _, holder in pairs(holders) do
    if holder.kind ~= 'r' then isFree = false end
  end
else
  isPromotion = count == 1 and own ~= nil and own.kind == 'r'
  isFree = count == 0 or isPromotion
end
if isFree and not isPromotion then
  local rank = redis.call('ZRANK', KEYS[2], waiter)
  local before = {}
  if not rank then
    before = redis.call('ZRANGE', KEYS[2], 0, -1)
  elseif rank > 0 then
    before = redis.call('ZRANGE', KEYS[2], 0, rank - 1)
  end
  for _, other in ipairs(before) do
    if kind ~= 'r' or string.sub(other, 1, 1) ~= 'r' then isFree = false end
  end
end
if isFree then
  if count >= ${holdersMax} and not own then return redis.error_reply('${holdersMax} hold this lock already') end
  hold(id, kind, tonumber(ms), owner, token)
  if redis.call('ZREM', KEYS[2], waiter) == 1 then redis.call('ZREM', KEYS[3], waiter) end
  local next = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if kind == 'r' and next and string.sub(next, 1, 1) == 'r' then wake(channel, resource) end
  return 1
end
if tonumber(aliveMs) > 0 then
  if not redis.call('ZSCORE', KEYS[2], waiter) then
    local tail = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
    redis.call('ZADD', KEYS[2], tail[2] and tail[2] + 1 or 1, waiter)
  end
  redis.call('ZADD', KEYS[3], now + tonumber(aliveMs), waiter)
  redis.call('PEXPIRE', KEYS[2], tonumber(aliveMs) * 2)
  redis.call('PEXPIRE', KEYS[3], tonumber(aliveMs) * 2)
end
return soonest == 0 and -1 or -math.max(1, soonest - now)
`

/** Leaves the line. Arguments: kind, token, channel, resource. */
export const leaveLine = `${prelude}
local waiter = ARGV[1] .. '|' .. ARGV[2]
redis.call('ZREM', KEYS[3], waiter)
if redis.call('ZREM', KEYS[2], waiter) == 1 then wake(ARGV[3], ARGV[4]) end
return 1
`

/** Releases a holder. Arguments: id, token or nothing, channel, resource. Returns 1 when it held the lock. */
export const releaseLock = `${prelude}
local holder = holders[ARGV[1]]
if not holder or (ARGV[2] ~= '' and holder.token ~= ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
wake(ARGV[3], ARGV[4])
return 1
`

/** Releases all holders. Arguments: channel, resource. Returns 1 when there were some. */
export const releaseAll = `${prelude}
redis.call('DEL', KEYS[1])
wake(ARGV[1], ARGV[2])
return count > 0 and 1 or 0
`

/** Returns 1 when the id of the argument, or any for \`*\`, holds the lock. */
export const lockExists = `${prelude}
if ARGV[1] == '*' then return count > 0 and 1 or 0 end
return holders[ARGV[1]] and 1 or 0
`

/** Gives a held lock another end. Arguments: id, ms, its new owner, the owner that it must have or \`*\`. Returns 1 when it is held. */
export const extendLock = `${prelude}
local holder = holders[ARGV[1]]
if not holder or (ARGV[4] ~= '*' and holder.owner ~= ARGV[4]) then return 0 end
hold(ARGV[1], holder.kind, tonumber(ARGV[2]), ARGV[3], holder.token)
return 1
`
