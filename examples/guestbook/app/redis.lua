-- The little of redis's protocol (RESP) that the guestbook needs.
--
--   local redis = require("redis").new("redis", 6379)
--   local entries = redis:call("LRANGE", "guestbook", "0", "9")
--
-- A call raises an error when redis cannot be reached or refuses the command. The connection is made at the first
-- call, kept, and made again when it has broken: redis may be restarted at any time.

local socket = require("socket")

local Redis = {}
Redis.__index = Redis

local TIMEOUT = 2 -- seconds for one step of a conversation

local function new(host, port)
    return setmetatable({ host = host, port = port }, Redis)
end

function Redis:close()
    if self.connection then
        self.connection:close()
        self.connection = nil
    end
end

function Redis:connect()
    local connection = assert(socket.tcp())
    connection:settimeout(TIMEOUT)
    local ok, reason = connection:connect(self.host, self.port) -- looks the name up, too
    if not ok then
        connection:close()
        error(("connecting to redis at %s:%d: %s"):format(self.host, self.port, reason), 0)
    end
    connection:setoption("tcp-nodelay", true)
    self.connection = connection
end

-- Reads one reply. Its first character tells its type.
function Redis:receive()
    local function take(what)
        local data, reason = self.connection:receive(what)
        if not data then
            self:close()
            error("reading from redis: " .. reason, 0)
        end
        return data
    end

    local line = take("*l")
    local kind, rest = line:sub(1, 1), line:sub(2)
    if kind == "+" then -- a short string
        return rest
    elseif kind == ":" then -- a number
        return math.tointeger(rest)
    elseif kind == "-" then -- an error
        error("redis says: " .. rest, 0)
    elseif kind == "$" then -- a string of so many bytes, or none
        local length = math.tointeger(rest)
        if length < 0 then
            return nil
        end
        return take(length + 2):sub(1, length)
    elseif kind == "*" then -- a list of so many replies
        local list = {}
        for i = 1, math.tointeger(rest) do
            list[i] = self:receive()
        end
        return list
    end
    self:close()
    error("redis sent what is no reply: " .. line, 0)
end

-- Sends one command with its arguments, all strings, and returns the reply.
function Redis:call(...)
    local parts = { ("*%d\r\n"):format(select("#", ...)) }
    for _, argument in ipairs({ ... }) do
        parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#argument, argument)
    end
    local request = table.concat(parts)

    -- A kept connection may have been closed by the other side since. That shows only now, and is no failure yet.
    if self.connection then
        self.connection:settimeout(0)
        local _, reason = self.connection:receive(0)
        if reason == "closed" then
            self:close()
        else
            self.connection:settimeout(TIMEOUT)
        end
    end
    if not self.connection then
        self:connect()
    end
    local sent, reason = self.connection:send(request)
    if not sent then
        self:close()
        error("writing to redis: " .. reason, 0)
    end
    return self:receive()
end

return { new = new }
