"""The steps that must not be divided, in Lua. Redis runs each script as one."""

APPEND = """
-- Appends to the logs of many sessions; creates those that are new.
-- KEYS: what the writer owns. ARGV: prefix, writer, and as one JSON (clients are slow at many arguments) a list for
-- each session: id, fence, number of the first entry, whether it has ended, seconds to keep it (0: as it is), name of
-- the key's reservation, head and key, which create it, and a list with type, event and steps of each entry in turn.
-- Returns for each session the length of its log, or -1: another replica has claimed it.
-- A length below what was sent: Redis has lost the tail, or all of it. Entries that are there already are passed over.
local prefix, writer = ARGV[1], ARGV[2]
local answers = {}
for _, piece in ipairs(cjson.decode(ARGV[3])) do
  local id, fence, first, ended, keep_s, reservation, head, key, entries = unpack(piece)
  local count = #entries / 3
  local session, log = prefix .. 's:' .. id, prefix .. 'e:' .. id
  local known = redis.call('HMGET', session, 'owner', 'fence', 'len', 'ended')
  local length = tonumber(known[3] or 0)
  if known[1] and (known[1] ~= writer or tonumber(known[2]) ~= fence) then
    length = -1
  elseif first <= length + 1 and first + count - 1 > length then
    if not known[1] then
      redis.call('DEL', log)
      redis.call('HSET', session, 'owner', writer, 'fence', fence, 'head', head, 'key', key)
    end
    for number = length + 1, first + count - 1 do
      local entry = 3 * (number - first)
      redis.call('XADD', log, number .. '-0', 'y', entries[entry + 1], 'e', entries[entry + 2], 't', entries[entry + 3])
    end
    length = first + count - 1
    redis.call('HSET', session, 'len', length, 'ended', ended and 1 or 0)
    if ended then
      redis.call('SREM', KEYS[1], id)
      redis.call('HDEL', session, 'held')
    elseif known[4] ~= '0' then
      redis.call('SADD', KEYS[1], id)
    end
  end
  if length > 0 and keep_s > 0 then
    redis.call('EXPIRE', session, keep_s)
    redis.call('EXPIRE', log, keep_s)
    if reservation ~= '' then redis.call('EXPIRE', reservation, keep_s) end
  end
  answers[#answers + 1] = length
end
return answers
"""

CLAIM = """
-- Makes a running session the claimer's whose owner is dead, or has released it. Claiming again changes nothing.
-- KEYS: session, lease of the owner, what it owns, what the claimer owns. ARGV: id, owner, claimer.
-- Returns the new fence, or 0: it has ended, it is gone, or somebody has it.
local known = redis.call('HMGET', KEYS[1], 'owner', 'ended', 'fence')
if known[2] ~= '1' and known[1] == ARGV[3] then return tonumber(known[3]) end
if known[2] == '1' or known[1] ~= ARGV[2] then
  redis.call('SREM', KEYS[3], ARGV[1])
  return 0
end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('SREM', KEYS[3], ARGV[1])
redis.call('SADD', KEYS[4], ARGV[1])
redis.call('HSET', KEYS[1], 'owner', ARGV[3])
return redis.call('HINCRBY', KEYS[1], 'fence', 1)
"""

CLAIM_ENDED = """
-- Makes an ended session the claimer's, who is to append to it within the hold.
-- KEYS: session. ARGV: claimer, milliseconds of the hold.
-- Returns the new fence, or 0: it runs, it is gone, or somebody holds it.
local known = redis.call('HMGET', KEYS[1], 'owner', 'ended', 'held')
if known[2] ~= '1' then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if known[1] ~= ARGV[1] and tonumber(known[3] or 0) > now then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'held', string.format('%.0f', now + ARGV[2]))
return redis.call('HINCRBY', KEYS[1], 'fence', 1)
"""

RELEASE = """
-- Hands over sessions, as far as they are the releaser's.
-- KEYS: what the releaser owns, what is released. ARGV: prefix, releaser, name of released ones' owner; id and fence
-- of each session. Returns how many are handed over.
local released = 0
for at = 4, #ARGV, 2 do
  local session = ARGV[1] .. 's:' .. ARGV[at]
  local known = redis.call('HMGET', session, 'owner', 'fence', 'ended')
  if known[1] == ARGV[2] and known[2] == ARGV[at + 1] then
    redis.call('HDEL', session, 'held')
    if known[3] ~= '1' then
      redis.call('HSET', session, 'owner', ARGV[3])
      redis.call('SMOVE', KEYS[1], KEYS[2], ARGV[at])
      released = released + 1
    end
  end
end
return released
"""

ORPHANS = """
-- Finds sessions that nobody runs.
-- KEYS: replicas, what is released. ARGV: prefix, name of released ones' owner, most sessions of each owner, whether
-- those of the dead count. Returns how many replicas are alive, then an owner and an id for each session.
local found = {0}
local function add(owner, ids)
  for _, id in ipairs(ids) do
    found[#found + 1] = owner
    found[#found + 1] = id
  end
end
add(ARGV[2], redis.call('SRANDMEMBER', KEYS[2], ARGV[3]))
for _, replica in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. 'replica:' .. replica) == 1 then
    found[1] = found[1] + 1
  elseif ARGV[4] == '1' then
    local ids = redis.call('SRANDMEMBER', ARGV[1] .. 'owned:' .. replica, ARGV[3])
    if #ids == 0 then redis.call('SREM', KEYS[1], replica) end
    add(replica, ids)
  end
end
return found
"""

RESERVE = """
-- Binds an idempotency key. One is free again whose session was never told of, by a replica that has died since: to
-- bind a key is a sign of life like a lease, and lasts as long.
-- KEYS: reservation. ARGV: value, milliseconds to keep it, and of a lease, prefix. Returns what the key is bound to.
local bound = redis.call('GET', KEYS[1])
if bound then
  local id, replica = string.match(bound, '^(%S+) %S+ (%S+)$')
  if not id or redis.call('PTTL', KEYS[1]) > ARGV[2] - ARGV[3] then return bound end
  if redis.call('EXISTS', ARGV[4] .. 's:' .. id, ARGV[4] .. 'replica:' .. replica) > 0 then return bound end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""

UNRESERVE = """
-- Lets go of an idempotency key. KEYS: reservation. ARGV: how its value begins. Returns whether it was bound so.
local bound = redis.call('GET', KEYS[1])
if not bound or string.sub(bound, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
