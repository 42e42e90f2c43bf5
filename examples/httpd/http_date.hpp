// SPDX-License-Identifier: MIT
// Dates as HTTP writes them: "Sun, 06 Nov 1994 08:49:37 GMT".
#pragma once

#include <ctime>
#include <optional>
#include <string>

namespace httpd {

std::string to_http_date(std::time_t time);

/// Returns nothing for what is not such a date, and for the forms of the last century.
std::optional<std::time_t> from_http_date(const std::string& text);

} // namespace httpd
