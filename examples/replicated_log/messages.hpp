// SPDX-License-Identifier: MIT
// What members and clients say to each other: one line of words each way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace replicated_log {

using term_number = std::uint64_t;
using log_index = std::uint64_t; // of the first entry: 1
using member_id = std::uint64_t;
inline constexpr member_id nobody = ~member_id{0};

/// One command. `client` and `number` make it known again when it is sent twice; number 0 is none,
/// but the beginning of a term.
struct entry {
    term_number term = 0;
    std::uint64_t client = 0;
    std::uint64_t number = 0;
    std::string text; // a word
    bool operator==(const entry&) const = default;
};

struct ask_vote {
    term_number term = 0;
    member_id candidate = nobody;
    log_index last_index = 0;
    term_number last_term = 0;
};

/// Also says, without entries, that the leader lives.
struct ask_append {
    term_number term = 0;
    member_id leader = nobody;
    log_index before_index = 0;
    term_number before_term = 0;
    log_index committed = 0;
    std::vector<entry> entries;
};

struct ask_propose {
    std::uint64_t client = 0;
    std::uint64_t number = 0;
    std::string text;
};

using request = std::variant<ask_vote, ask_append, ask_propose>;

struct reply {
    term_number term = 0;
    bool yes = false;
    std::uint64_t value = 0; ///< append: how far logs may agree; propose: the index, or who leads
};

std::string to_line(const request& message);
std::string to_line(const reply& message);
/// Nothing if it is none.
std::optional<request> parse_request(std::string_view line);
std::optional<reply> parse_reply(std::string_view line);

} // namespace replicated_log
