// SPDX-License-Identifier: MIT
// Requests with conditions: send it only if it has changed; send only a part of it.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "request.hpp"

namespace httpd {

/// What tells one version of a file from another.
struct file_version {
    std::string tag; // quoted, as in ETag
    std::time_t modified;
    std::uint64_t size;
};

/// Whether the client has this version already (304).
bool has_version(const request& asked, const file_version& version);

/// The bytes to send.
struct byte_range {
    enum class kind { all, part, unsatisfiable } what;
    std::uint64_t first;
    std::uint64_t size;
};

/// One range (206), or what none can satisfy (416). Several ranges, what is malformed, and a range
/// of another version (If-Range) ask for all of it: RFC 9110, 14.2.
byte_range wanted_range(const request& asked, const file_version& version);

} // namespace httpd
