// SPDX-License-Identifier: MIT
#include "http_date.hpp"

#include <time.h>

namespace httpd {

namespace {

// Names of days and months are English, because nothing here sets a locale.
constexpr const char* format = "%a, %d %b %Y %H:%M:%S GMT";

} // namespace

std::string to_http_date(std::time_t time) {
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[64];
    return {text, std::strftime(text, sizeof text, format, &parts)};
}

std::optional<std::time_t> from_http_date(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (!end || *end != '\0') return std::nullopt;
    return ::timegm(&parts);
}

} // namespace httpd
