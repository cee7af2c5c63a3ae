-- The server's time in seconds. All gateways read this clock and no other.
local function server_time()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end
