-- The state of one budget: one hash, so that it is lost or kept as a whole.
-- A field is a number by its name, text by a name in TEXT, a call in flight after `f:`, a lease
-- after `l:`, or an attempt with an unverified credential after `a:`.
local TEXT = { incarnation = true, base = true, older = true, failures = true }
local KEEP_MILLISECONDS = 3600 * 1000

local function encode(value)
  if type(value) == 'string' then return value end
  return string.format('%.17g', value)
end

local function words_of(text)
  local words = {}
  for word in string.gmatch(text or '', '%S+') do words[#words + 1] = word end
  return words
end

local function load_state(key)
  local raw, s = redis.call('HGETALL', key), { f = {}, l = {}, a = {}, was = {} }
  for i = 1, #raw, 2 do
    local field, text = raw[i], raw[i + 1]
    local part = string.match(field, '^([fla]):')
    s.was[field] = text
    if part then
      s[part][string.sub(field, 3)] = text
    else
      s[field] = TEXT[field] and text or tonumber(text)
    end
  end
  return s
end

-- Return the fields of the hash that `s` becomes.
local function fields_of(s)
  local fields = {}
  for name, value in pairs(s) do
    if type(value) ~= 'table' then fields[name] = encode(value) end
  end
  for _, part in ipairs({ 'f', 'l', 'a' }) do
    for name, text in pairs(s[part]) do fields[part .. ':' .. name] = text end
  end
  return fields
end

local function save_state(keys, s)
  local fields, changed, gone = fields_of(s), {}, {}
  for field, text in pairs(fields) do
    if s.was[field] ~= text then
      changed[#changed + 1] = field
      changed[#changed + 1] = text
    end
  end
  for field in pairs(s.was) do
    if fields[field] == nil then gone[#gone + 1] = field end
  end
  for i = 1, #changed, 1000 do
    redis.call('HSET', keys[1], unpack(changed, i, math.min(i + 999, #changed)))
  end
  for i = 1, #gone, 1000 do
    redis.call('HDEL', keys[1], unpack(gone, i, math.min(i + 999, #gone)))
  end
end

-- Remove and return the first of these times that lie before `oldest`.
local function drop_before(times, oldest)
  local kept = {}
  for _, time in ipairs(times) do
    if tonumber(time) > oldest then kept[#kept + 1] = time end
  end
  return kept
end

-- Return the first index from 0 to `n` for which `is_past` is true; `n` if there is none.
local function bisect(n, is_past)
  local low, high = 0, n
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_past(middle) then high = middle else low = middle + 1 end
  end
  return low
end
