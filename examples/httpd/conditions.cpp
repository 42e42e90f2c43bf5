// SPDX-License-Identifier: MIT
#include "conditions.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "http_date.hpp"

namespace httpd {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Compares weakly. Our tags have no commas.
bool lists(std::string_view list, std::string_view tag) {
    while (!list.empty()) {
        auto each = trim(list.substr(0, list.find(',')));
        list.remove_prefix(std::min(list.size(), list.find(',') + (list.find(',') != list.npos)));
        if (each.starts_with("W/")) each.remove_prefix(2);
        if (each == tag || each == "*") return true;
    }
    return false;
}

bool allows_range(const request& asked, const file_version& version) {
    if (asked.if_range.empty() || asked.if_range == version.tag) return true;
    return from_http_date(asked.if_range) == version.modified;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || parsed != end) return std::nullopt;
    return value;
}

} // namespace

bool has_version(const request& asked, const file_version& version) {
    if (!asked.if_none_match.empty()) return lists(asked.if_none_match, version.tag);
    const auto since = from_http_date(asked.if_modified_since);
    return since && version.modified <= *since;
}

byte_range wanted_range(const request& asked, const file_version& version) {
    using kind = byte_range::kind;
    const byte_range all{kind::all, 0, version.size};
    const byte_range none{kind::unsatisfiable, 0, 0};

    std::string_view text = asked.range;
    if (!text.starts_with("bytes=") || !allows_range(asked, version)) return all;
    text = trim(text.substr(6));
    const auto dash = text.find('-');
    if (dash == text.npos) return all;
    const auto first = number(text.substr(0, dash)), last = number(text.substr(dash + 1));
    if (dash == 0) { // "-500": the last 500
        if (!last) return all;
        const auto size = std::min(*last, version.size);
        return size == 0 ? none : byte_range{kind::part, version.size - size, size};
    }
    const bool is_open = dash + 1 == text.size();
    if (!first || (!last && !is_open) || (last && *last < *first)) return all;
    if (*first >= version.size) return none;
    const auto end = is_open ? version.size : std::min(*last, version.size - 1) + 1;
    return {kind::part, *first, end - *first};
}

} // namespace httpd
