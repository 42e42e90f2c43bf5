// SPDX-License-Identifier: MIT
// Standard output with every error seen: a full disk, a reader that has left.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace logstat {

/// Collects text and writes it to standard output.
/// Errors: std::system_error; std::errc::broken_pipe when nobody reads any more (SIGPIPE must be
/// ignored).
class output {
public:
    output& operator<<(std::string_view text) {
        pending_.append(text);
        if (pending_.size() >= std::size_t{64} << 10) flush();
        return *this;
    }

    void flush() {
        const std::string text = std::exchange(pending_, {});
        for (std::string_view rest = text; !rest.empty();) {
            const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0)
                throw std::system_error(errno, std::generic_category(), "cannot write the answer");
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
    }

private:
    std::string pending_;
};

} // namespace logstat
