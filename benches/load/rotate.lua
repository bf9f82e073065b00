-- wrk: posts the bodies of a file (one a line) in turn; each thread begins at another place.
-- wrk ... -s rotate.lua URL -- FILE; the Authorization header comes from LOAD_AUTHORIZATION, the type of the bodies
-- from LOAD_CONTENT_TYPE where it is not SOAP. With LOAD_METHOD=GET the lines are paths.

local threads = 0

function setup(thread)
  thread:set("offset", threads * 137)
  threads = threads + 1
end

function init(arguments)
  local headers = {
    ["Authorization"] = os.getenv("LOAD_AUTHORIZATION"),
    ["Content-Type"] = os.getenv("LOAD_CONTENT_TYPE") or "text/xml; charset=utf-8",
  }
  -- A table of its own takes the place of the lines that `-H` gives.
  for name, value in pairs(wrk.headers) do
    headers[name] = headers[name] or value
  end
  local gets = os.getenv("LOAD_METHOD") == "GET"
  requests = {}
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = gets and wrk.format("GET", line, headers) or wrk.format("POST", nil, headers, line)
  end
  turn = offset
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
