-- wrk: posts the bodies in the file named by $BODIES, one a line, in turn; prints one JSON line.
-- A server that ends a connection when it was requested, without an announcement, is no bad answer
-- ("read" errors), as long as requests say so ($CLOSES).
local requests, turn = {}, 0
init = function()
  local headers = {}
  for name, value in os.getenv("HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do headers[name] = value end
  for line in io.lines(os.getenv("BODIES")) do
    if line:find("\1", 1, true) then -- a whole request
      requests[#requests + 1] = line:gsub("\1", "\r\n"):gsub("\2", wrk.host .. ":" .. wrk.port)
    else
      requests[#requests + 1] = wrk.format("POST", os.getenv("TARGET"), headers, line)
    end
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'JSON{"requests":%d,"seconds":%.6f,"bytes":%d,"p50":%.3f,"p99":%.3f,"bad":%d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.write + errors.timeout
      + (os.getenv("CLOSES") == "1" and 0 or errors.read)))
end
