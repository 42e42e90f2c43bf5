// SPDX-License-Identifier: MIT
#include "target.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

namespace httpd {

namespace {

/// Returns nothing for a percent sign without two digits behind it, and for a zero byte.
std::optional<std::string> decode(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        unsigned char byte = static_cast<unsigned char>(text.front());
        std::size_t size = 1;
        if (byte == '%') {
            if (text.size() < 3) return std::nullopt;
            const auto [end, error] = std::from_chars(&text[1], &text[1] + 2, byte, 16);
            if (error != std::errc() || end != &text[1] + 2) return std::nullopt;
            size = 3;
        }
        if (byte == 0) return std::nullopt;
        result.push_back(static_cast<char>(byte));
        text.remove_prefix(size);
    }
    return result;
}

} // namespace

std::optional<target> target::parse(std::string_view text) {
    text = text.substr(0, text.find('#'));
    if (const auto scheme = text.find("://"); scheme != text.npos && !text.starts_with('/')) {
        const auto slash = text.find('/', scheme + 3);
        text = slash == text.npos ? "/" : text.substr(slash);
    }
    target result;
    if (const auto question = text.find('?'); question != text.npos) {
        result.query = text.substr(question + 1);
        text = text.substr(0, question);
    }
    if (text == "*") text = "/*";
    auto path = decode(text);
    if (!path || !path->starts_with('/')) return std::nullopt;
    result.path = std::move(*path);
    return result;
}

std::optional<std::uint64_t> target::number(std::string_view name, std::uint64_t otherwise,
                                            std::uint64_t least, std::uint64_t most) const {
    for (auto rest = query; !rest.empty();) {
        const auto pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        if (!pair.starts_with(name) || pair.substr(name.size(), 1) != "=") continue;
        const auto digits = pair.substr(name.size() + 1);
        std::uint64_t value = 0;
        const auto end = digits.data() + digits.size();
        const auto [parsed, error] = std::from_chars(digits.data(), end, value);
        if (error != std::errc() || parsed != end || value < least || value > most)
            return std::nullopt;
        return value;
    }
    return otherwise;
}

std::string encode(std::string_view name) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string result;
    for (const char each : name) {
        if (plain.find(each) != plain.npos)
            result.push_back(each);
        else
            result += fmt::format("%{:02X}", static_cast<unsigned char>(each));
    }
    return result;
}

} // namespace httpd
