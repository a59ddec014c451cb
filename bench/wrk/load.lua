-- SPDX-FileCopyrightText: 2026 The canale authors
-- SPDX-License-Identifier: AGPL-3.0-or-later
--
-- For wrk: sends METHOD with BODY (from the environment) and prints the results as JSON.
-- "%d" in the body becomes the request's number. Every status other than STATUS counts as wrong.
local method, body = os.getenv("METHOD"), os.getenv("BODY")
local numbered = body and body:find("%%d")
local thread_of

function setup(thread) thread_of = thread end

function init()
  number, wrong = 0, 0
  expected = tonumber(os.getenv("STATUS"))
  wrk.method = method
  wrk.body = body
  plain = wrk.format()
end

function request()
  if not numbered then return plain end
  number = number + 1
  return wrk.format(nil, nil, nil, (body:gsub("%%d", tostring(number))))
end

function response(status)
  if status ~= expected then wrong = wrong + 1 end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "bytes": %d, "wrong": %d, "broken": %d, '
      .. '"p50": %.3f, "p99": %.3f, "most": %.3f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, thread_of:get("wrong"),
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
