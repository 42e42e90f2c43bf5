// SPDX-License-Identifier: MIT
// What Redis answers, as values of our own: hiredis frees its replies when the callback returns.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <hiredis/hiredis.h>

namespace redis {

/// Redis understood the command and refused it.
class server_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;

    /// The first word of the message, which programs go by: "NOGROUP", "LOADING".
    std::string_view kind() const noexcept {
        const std::string_view message = what();
        return message.substr(0, message.find(' '));
    }
};

/// Nothing, a number, a text or a list of replies.
/// Errors: asking for what it is not throws `std::runtime_error`.
class reply {
public:
    using list = std::vector<reply>;

    reply() = default;
    explicit reply(const redisReply& from) {
        if (from.type == REDIS_REPLY_INTEGER) {
            value_ = from.integer;
        } else if (from.type == REDIS_REPLY_STRING || from.type == REDIS_REPLY_STATUS) {
            value_ = std::string(from.str, static_cast<std::size_t>(from.len));
        } else if (from.type == REDIS_REPLY_ARRAY) {
            auto& elements = value_.emplace<list>();
            elements.reserve(from.elements);
            for (std::size_t i = 0; i != from.elements; ++i)
                elements.emplace_back(*from.element[i]);
        } else if (from.type != REDIS_REPLY_NIL) {
            throw std::runtime_error("Redis answered with something unknown");
        }
    }

    bool is_nothing() const noexcept { return std::holds_alternative<std::monostate>(value_); }
    long long number() const { return get<long long>("a number"); }
    const std::string& text() const { return get<std::string>("a text"); }
    const list& elements() const { return get<list>("a list"); }
    const reply& operator[](std::size_t index) const {
        if (index >= elements().size())
            throw std::runtime_error("Redis answered with a list that is too short");
        return elements()[index];
    }

private:
    template <class T>
    const T& get(const char* expected) const {
        if (const T* found = std::get_if<T>(&value_)) return *found;
        throw std::runtime_error(std::string("Redis answered with something else than ") +
                                 expected);
    }

    std::variant<std::monostate, long long, std::string, list> value_;
};

} // namespace redis
