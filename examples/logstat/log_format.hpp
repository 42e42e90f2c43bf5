// SPDX-License-Identifier: MIT
// One line of a web server's access log, Common or Combined Log Format:
//   host ident user [day/month/year:h:m:s zone] "request" status bytes ["referer" "agent" ...]
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace logstat {

/// Views into one line, as it is written there: escapes (`\"`) are kept.
struct log_record {
    std::string_view host, user, hour, method, path, protocol, status, bytes, referer, agent;
    std::chrono::local_seconds time{};
    std::uint64_t size = 0; // `bytes` as a number, 0 for "-"
};

struct log_field {
    std::string_view name;
    std::string_view log_record::*value;
};

inline constexpr std::array log_fields{
    log_field{"host", &log_record::host},       log_field{"user", &log_record::user},
    log_field{"method", &log_record::method},   log_field{"path", &log_record::path},
    log_field{"status", &log_record::status},   log_field{"bytes", &log_record::bytes},
    log_field{"referer", &log_record::referer}, log_field{"agent", &log_record::agent},
    log_field{"hour", &log_record::hour},       log_field{"protocol", &log_record::protocol},
};

template <class Number> std::optional<Number> to_number(std::string_view digits) {
    Number value{};
    const char* end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, value);
    if (digits.empty() || digits[0] == '-' || parsed.ec != std::errc{} || parsed.ptr != end)
        return {};
    return value;
}

/// "10/Oct/2000:13:55:36 -0700", the time that strftime's `%d/%b/%Y:%T %z` writes in the C locale.
/// Returns it as the server's clock showed it, which is what people look for.
inline std::optional<std::chrono::local_seconds> parse_time(std::string_view text) {
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    constexpr std::string_view shape = "00/Aaa/0000:00:00:00 +0000";
    if (text.size() != shape.size()) return {};
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == '0'
                ? !digit
                : (shape[i] == '/' || shape[i] == ':' || shape[i] == ' ') && text[i] != shape[i])
            return {};
    }
    const auto number = [text](std::size_t at, std::size_t size) {
        int value = 0;
        for (char c : text.substr(at, size)) value = value * 10 + (c - '0');
        return value;
    };
    const std::size_t month = months.find(text.substr(3, 3));
    const char sign = text[21];
    if (month == std::string_view::npos || month % 3 != 0 || (sign != '+' && sign != '-'))
        return {};

    const std::chrono::year_month_day date{std::chrono::year{number(7, 4)},
                                           std::chrono::month{static_cast<unsigned>(month / 3 + 1)},
                                           std::chrono::day{static_cast<unsigned>(number(0, 2))}};
    const int hour = number(12, 2), minute = number(15, 2), second = number(18, 2);
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return {};
    return std::chrono::local_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
           std::chrono::seconds{second};
}

namespace detail {

/// Removes and returns what is before the next space of `rest`, and the space.
inline std::string_view take_word(std::string_view& rest) {
    const std::size_t end = rest.find(' ');
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return word;
}

/// Removes a quoted text from the front of `rest` and returns what is inside; a backslash protects
/// the next character.
inline std::optional<std::string_view> take_quoted(std::string_view& rest) {
    if (!rest.starts_with('"')) return {};
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '\\') {
            ++i;
        } else if (rest[i] == '"') {
            const std::string_view inside = rest.substr(1, i - 1);
            rest.remove_prefix(i + 1);
            return inside;
        }
    }
    return {};
}

/// As awk splits: by any run of spaces and tabs.
inline std::string_view take_request_word(std::string_view& request) {
    const std::size_t begin = std::min(request.find_first_not_of(" \t"), request.size());
    const std::size_t end = std::min(request.find_first_of(" \t", begin), request.size());
    const std::string_view word = request.substr(begin, end - begin);
    request.remove_prefix(end);
    return word;
}

} // namespace detail

/// Takes `line` apart. Returns what is wrong with it; empty if it is well-formed.
inline std::string_view parse_log_line(std::string_view line, log_record& record) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    record.host = detail::take_word(line);
    const std::string_view ident = detail::take_word(line);
    const std::size_t bracket = line.find(" [");
    if (record.host.empty() || ident.empty() || bracket == std::string_view::npos)
        return "no host, user and [time]";
    record.user = line.substr(0, bracket); // may hold spaces: Basic authentication allows them
    line.remove_prefix(bracket + 2);

    const std::size_t closing = line.find("] ");
    if (closing == std::string_view::npos) return "no closing bracket after the time";
    const auto time = parse_time(line.substr(0, closing));
    if (!time) return "not a time";
    record.time = *time;
    record.hour = line.substr(0, 14);
    line.remove_prefix(closing + 2);

    auto request = detail::take_quoted(line);
    if (!request) return "no request in quotes";
    record.method = detail::take_request_word(*request);
    record.path = detail::take_request_word(*request);
    record.protocol = detail::take_request_word(*request);

    if (!line.starts_with(' ')) return "nothing after the request";
    line.remove_prefix(1);
    record.status = detail::take_word(line);
    if (record.status.size() != 3 || !to_number<unsigned>(record.status))
        return "not a status code";
    record.bytes = detail::take_word(line);
    const auto size = to_number<std::uint64_t>(record.bytes);
    if (!size && record.bytes != "-") return "not a number of bytes";
    record.size = size.value_or(0);

    record.referer = record.agent = {};
    if (line.empty()) return {}; // Common Log Format ends here
    const auto referer = detail::take_quoted(line);
    if (!referer) return "no referer in quotes";
    if (!line.starts_with(' ')) return "no agent";
    line.remove_prefix(1);
    const auto agent = detail::take_quoted(line); // what follows it is the site's own business
    if (!agent) return "no agent in quotes";
    record.referer = *referer;
    record.agent = *agent;
    return {};
}

} // namespace logstat
