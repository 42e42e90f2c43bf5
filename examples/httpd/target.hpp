// SPDX-License-Identifier: MIT
// What a request asks for: the path and the query of its target.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace httpd {

struct target {
    std::string path;       // begins with a slash; percent signs are decoded
    std::string_view query; // as it came, without the question mark

    /// `text` may also be a whole URL, or the "*" of OPTIONS. Returns nothing if it is malformed.
    static std::optional<target> parse(std::string_view text);

    /// The number that the query gives to `name`; `otherwise`, if none; nothing, if that is no
    /// number or not in [least, most].
    std::optional<std::uint64_t> number(std::string_view name, std::uint64_t otherwise,
                                        std::uint64_t least, std::uint64_t most) const;
};

/// Percent-encodes what is not a letter, a digit or one of -._~ .
std::string encode(std::string_view name);

} // namespace httpd
