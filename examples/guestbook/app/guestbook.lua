-- A guestbook that speaks HTTP on port 8080 and keeps its entries in redis.
--
--   GET  /         the page: a form and the newest entries
--   POST /sign     adds an entry (fields "name" and "message") and sends the browser back to the page
--   GET  /health   200 if redis answers, 503 if not: what the healthcheck in cunik-compose.yaml asks
--
-- It serves one connection after the other. That is enough for a guestbook behind nginx, which takes the slow clients
-- and hands over whole requests.

local socket = require("socket")

-- Settings come from the environment: from `environment:` in cunik-compose.yaml.
local TITLE = os.getenv("TITLE") or "Guestbook"
local REDIS_HOST = os.getenv("REDIS_HOST") or "redis"

local PORT = 8080
local TIMEOUT = 2 -- seconds that a client may keep everybody waiting
local MOST_HEADERS, MOST_BODY = 100, 16 * 1024
local MOST_NAME, MOST_MESSAGE = 80, 1000 -- bytes that are kept
local SHOWN, KEPT = 50, 1000 -- entries

local redis = require("redis").new(REDIS_HOST, 6379)

local function log(format, ...)
    io.stdout:write(format:format(...), "\n")
    io.stdout:flush() -- the console is no terminal to Lua, which would keep lines back
end

-- What visitors write must never become part of the page's own HTML.
local function html(text)
    return (text:gsub('[&<>"\']', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }))
end

-- "name=Ada+L%2E&message=…" as a table.
local function parse_form(body)
    local function decode(text)
        return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
            return string.char(tonumber(hex, 16))
        end))
    end
    local form = {}
    for key, value in body:gmatch("([^&=]+)=([^&]*)") do
        form[decode(key)] = decode(value)
    end
    return form
end

-- At most MOST bytes of TEXT without cutting a character in two, on one line, without blanks around it.
local function tidy(text, most)
    text = text:gsub("%c+", " "):gsub("^%s+", ""):gsub("%s+$", "")
    if #text > most then
        text = text:sub(1, most):gsub("[\xC0-\xFF][\x80-\xBF]*$", "")
    end
    return text
end

-- An entry is stored as "TIME\tNAME\tMESSAGE"; tidy() leaves no tab in either.
local function add_entry(name, message)
    redis:call("LPUSH", "guestbook", ("%d\t%s\t%s"):format(os.time(), name, message))
    redis:call("LTRIM", "guestbook", "0", tostring(KEPT - 1))
end

local PAGE = [[
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>%s</title>
<style>
    body { font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; color: #223 }
    form { display: grid; gap: .5rem; margin-bottom: 2rem }
    input, textarea, button { font: inherit; padding: .4rem .6rem; border: 1px solid #aab; border-radius: .3rem }
    button { background: #264; color: #fff; border: 0; justify-self: start; cursor: pointer }
    article { border-top: 1px solid #dde; padding: .6rem 0 }
    small { color: #667 }
</style>
<h1>%s</h1>
<form method="post" action="/sign">
    <input name="name" placeholder="Your name" maxlength="%d" required>
    <textarea name="message" placeholder="Your message" maxlength="%d" rows="3" required></textarea>
    <button>Sign</button>
</form>
%s
<p><small>%d entries. Written by nginx, Lua and redis, each alone in a virtual machine.</small></p>
]]

local ENTRY = [[
<article><b>%s</b> <small>%s UTC</small><br>%s</article>
]]

local function render_page()
    local entries = {}
    for _, entry in ipairs(redis:call("LRANGE", "guestbook", "0", tostring(SHOWN - 1))) do
        local time, name, message = entry:match("^(%d+)\t([^\t]*)\t(.*)$")
        if time then
            local when = os.date("!%Y-%m-%d %H:%M", math.tointeger(time))
            entries[#entries + 1] = ENTRY:format(html(name), when, html(message))
        end
    end
    local title = html(TITLE)
    return PAGE:format(title, title, MOST_NAME, MOST_MESSAGE, table.concat(entries), redis:call("LLEN", "guestbook"))
end

-- Each returns the status, the body and further header lines.
local routes = {
    ["GET /"] = function()
        return "200 OK", render_page()
    end,
    ["GET /health"] = function()
        redis:call("PING") -- raises an error if redis is away, which becomes a 503
        return "200 OK", "ok\n", "Content-Type: text/plain\r\n"
    end,
    ["POST /sign"] = function(body)
        local form = parse_form(body)
        local name, message = tidy(form.name or "", MOST_NAME), tidy(form.message or "", MOST_MESSAGE)
        if name == "" or message == "" then
            return "422 Unprocessable Entity", "Both a name and a message, please.\n", "Content-Type: text/plain\r\n"
        end
        add_entry(name, message)
        return "303 See Other", "", "Location: /\r\n"
    end,
}

-- Reads a request: method, path and body; or nil and the status that says what is wrong with it. Nil alone: the other
-- side only looked whether the port is open.
local function read_request(client)
    local line = client:receive("*l")
    if not line then
        return nil
    end
    local method, path = line:match("^(%u+) (/[^ ?]*)[^ ]* HTTP/1%.[01]$")
    if not method then
        return nil, "400 Bad Request"
    end

    local length = 0
    for i = 1, MOST_HEADERS + 1 do
        local header = client:receive("*l")
        if not header or i > MOST_HEADERS then
            return nil, "400 Bad Request"
        elseif header == "" then
            break
        end
        local value = header:lower():match("^content%-length:%s*(%d+)%s*$")
        length = value and math.tointeger(value) or length
    end
    if length > MOST_BODY then
        return nil, "413 Content Too Large"
    end
    local body = length > 0 and client:receive(length) or ""
    if #body < length then
        return nil, "400 Bad Request"
    end
    return method, path, body
end

local function answer(method, path, body)
    -- HEAD is GET whose body is not sent.
    local route = routes[(method == "HEAD" and "GET" or method) .. " " .. path]
    if not route then
        return "404 Not Found", "There is nothing here.\n", "Content-Type: text/plain\r\n"
    end
    local ok, status, text, headers = pcall(route, body)
    if not ok then
        log("%s %s: %s", method, path, status)
        return "503 Service Unavailable", "The guestbook cannot be reached.\n", "Content-Type: text/plain\r\n"
    end
    return status, text, headers
end

local function serve(client)
    client:settimeout(TIMEOUT, "t") -- for the whole of the request
    local method, path, body = read_request(client)
    local status, text, headers
    if method then
        status, text, headers = answer(method, path, body)
    elseif path then
        status, text, headers = path, path .. "\n", "Content-Type: text/plain\r\n"
    else
        return
    end
    client:settimeout(TIMEOUT, "t")
    client:send(("HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(
        status,
        headers or "Content-Type: text/html; charset=utf-8\r\n",
        #text,
        method == "HEAD" and "" or text
    ))
end

local server = assert(socket.bind("0.0.0.0", PORT, 128))
log("%s: listening on port %d, redis is %s", TITLE, PORT, REDIS_HOST)
while true do
    local client = server:accept()
    if client then
        serve(client)
        client:close()
    end
end
