// SPDX-License-Identifier: MIT
#include "messages.hpp"

#include <charconv>
#include <concepts>

namespace replicated_log {

namespace {

struct writer {
    std::string line;

    void operator()(const std::string& word) { line.append(word).push_back(' '); }
    void operator()(std::unsigned_integral auto number) { (*this)(std::to_string(number)); }
};

struct reader {
    std::string_view rest;
    bool good = true;

    std::string_view word() {
        const auto found = rest.substr(0, rest.find(' '));
        good = good && !found.empty();
        rest.remove_prefix(found.size() == rest.size() ? found.size() : found.size() + 1);
        return found;
    }
    void operator()(std::string& text) { text = word(); }
    void operator()(std::uint64_t& number) {
        const auto text = word();
        const auto end = text.data() + text.size();
        const auto result = std::from_chars(text.data(), end, number);
        good = good && result.ec == std::errc() && result.ptr == end;
    }
};

// The parts of each message, for both directions.
void each_part(auto& line, auto& vote)
    requires requires { vote.candidate; }
{
    line(vote.term), line(vote.candidate), line(vote.last_index), line(vote.last_term);
}
void each_part(auto& line, auto& append)
    requires requires { append.leader; }
{
    line(append.term), line(append.leader), line(append.before_index), line(append.before_term);
    line(append.committed);
}
void each_part(auto& line, auto& propose)
    requires requires { propose.number; }
{
    if constexpr (requires { propose.term; }) line(propose.term); // an entry
    line(propose.client), line(propose.number), line(propose.text);
}

template <class Message>
std::optional<request> read(reader& line) {
    Message message;
    each_part(line, message);
    if constexpr (std::same_as<Message, ask_append>)
        while (line.good && !line.rest.empty()) each_part(line, message.entries.emplace_back());
    if (!line.good || !line.rest.empty()) return std::nullopt;
    return message;
}

} // namespace

std::string to_line(const request& message) {
    static constexpr std::string_view names[] = {"vote ", "append ", "propose "};
    writer out{std::string(names[message.index()])};
    std::visit([&out](const auto& one) { each_part(out, one); }, message);
    if (const auto* append = std::get_if<ask_append>(&message))
        for (const auto& each : append->entries) each_part(out, each);
    out.line.back() = '\n';
    return out.line;
}

std::string to_line(const reply& message) {
    return std::to_string(message.term) + (message.yes ? " 1 " : " 0 ") +
           std::to_string(message.value) + '\n';
}

std::optional<request> parse_request(std::string_view text) {
    reader line{text};
    const auto name = line.word();
    if (name == "vote") return read<ask_vote>(line);
    if (name == "append") return read<ask_append>(line);
    if (name == "propose") return read<ask_propose>(line);
    return std::nullopt;
}

std::optional<reply> parse_reply(std::string_view text) {
    reader line{text};
    reply message;
    std::uint64_t yes = 0;
    line(message.term), line(yes), line(message.value);
    message.yes = yes == 1;
    if (!line.good) return std::nullopt;
    return message;
}

} // namespace replicated_log
