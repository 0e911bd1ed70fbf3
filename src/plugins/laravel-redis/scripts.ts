/**
 * Scripts over the keys of a Laravel queue: a list of ready jobs, sorted sets of delayed and reserved ones by Unix time in seconds, and a list
 * of hints for those who wait. They do what Laravel's own do, so that its workers and Horizon can work on the same queue meanwhile.
 */

/** Moves up to 1000 due jobs of a sorted set to the end of the list. */
const migrate = `
local function migrate(from, to, notify, now)
  local due = redis.call('zrangebyscore', from, '-inf', now, 'LIMIT', 0, 1000)
  if #due == 0 then return end
  redis.call('zremrangebyrank', from, 0, #due - 1)
  for _, job in ipairs(due) do
    redis.call('rpush', to, job)
    redis.call('rpush', notify, 1)
  end
end
`

/**
 * Takes up to ARGV[3] jobs and reserves them until ARGV[2]; ARGV[1] is now. Returns the jobs, each followed by its reserved form, and last the
 * time at which a delayed or reserved job is due, or an empty text. A job that is not a JSON object is reserved as it is.
 */
export const takeScript = `${migrate}
local ready, delayed, reserved, notify = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
migrate(delayed, ready, notify, ARGV[1])
migrate(reserved, ready, notify, ARGV[1])
local taken = {}
for _ = 1, tonumber(ARGV[3]) do
  local job = redis.call('lpop', ready)
  if job == false then break end
  local kept = job
  local isJson, payload = pcall(cjson.decode, job)
  if isJson and type(payload) == 'table' and payload['job'] ~= nil then
    payload['attempts'] = (tonumber(payload['attempts']) or 0) + 1
    kept = cjson.encode(payload)
  end
  redis.call('zadd', reserved, ARGV[2], kept)
  redis.call('lpop', notify)
  taken[#taken + 1] = job
  taken[#taken + 1] = kept
end
local first = redis.call('zrange', delayed, 0, 0, 'WITHSCORES')
local other = redis.call('zrange', reserved, 0, 0, 'WITHSCORES')
local due = ''
if first[2] then due = first[2] end
if other[2] and (due == '' or tonumber(other[2]) < tonumber(due)) then due = other[2] end
taken[#taken + 1] = due
return taken
`

/** Removes the reserved jobs of ARGV from KEYS[1]; returns 1 for each that was there. */
export const deleteScript = `
local found = {}
for at, job in ipairs(ARGV) do found[at] = redis.call('zrem', KEYS[1], job) end
return found
`

/** Moves reserved jobs to the delayed ones: ARGV is job and time, in turn. Returns 1 for each that was reserved. */
export const laterScript = `
local found = {}
for at = 1, #ARGV, 2 do
  local one = redis.call('zrem', KEYS[1], ARGV[at])
  if one == 1 then redis.call('zadd', KEYS[2], ARGV[at + 1], ARGV[at]) end
  found[#found + 1] = one
end
return found
`

/** Reserves jobs until ARGV[1]; the rest of ARGV are the jobs. Returns 1 for each that was reserved. */
export const extendScript = `
local found = {}
for at = 2, #ARGV do
  local one = redis.call('zscore', KEYS[1], ARGV[at]) and 1 or 0
  if one == 1 then redis.call('zadd', KEYS[1], ARGV[1], ARGV[at]) end
  found[#found + 1] = one
end
return found
`

/** Puts jobs that were not run back to the front, as they were: ARGV is reserved form and job, in turn, the first to be taken last. */
export const releaseScript = `
for at = 1, #ARGV, 2 do
  if redis.call('zrem', KEYS[1], ARGV[at]) == 1 then
    redis.call('lpush', KEYS[2], ARGV[at + 1])
    redis.call('rpush', KEYS[3], 1)
  end
end
`

/** Pushes the jobs of ARGV. */
export const pushScript = `
for _, job in ipairs(ARGV) do
  redis.call('rpush', KEYS[1], job)
  redis.call('rpush', KEYS[2], 1)
end
`

/** Moves a reserved job, ARGV[1], into the list of failed ones as ARGV[2]. Returns 1 where it was reserved. */
export const keepScript = `
local found = redis.call('zrem', KEYS[1], ARGV[1])
if found == 1 then redis.call('rpush', KEYS[2], ARGV[2]) end
return found
`

/** Moves a failed job, ARGV[1] in the list KEYS[1], back to the queue as ARGV[2]. Returns 1 where it was there. */
export const redriveScript = `
local found = redis.call('lrem', KEYS[1], 1, ARGV[1])
if found == 1 then
  redis.call('rpush', KEYS[2], ARGV[2])
  redis.call('rpush', KEYS[3], 1)
end
return found
`
