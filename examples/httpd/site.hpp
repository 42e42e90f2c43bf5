// SPDX-License-Identifier: MIT
// The files that are served.
#pragma once

#include <string>

#include <weft/loop/unique_fd.hpp>

#include "reply.hpp"
#include "request.hpp"
#include "target.hpp"

namespace httpd {

/// A folder. Files are looked up without leaving the loop's thread: for local disks.
/// Threads  Any.
class site {
public:
    /// Errors  Throws std::system_error that names the folder.
    explicit site(const std::string& root);

    /// Answers GET and HEAD.
    reply get(const request& asked, const target& wanted) const;

private:
    struct opened;

    opened open(const std::string& path) const;
    reply send(opened found, const request& asked, std::string_view path) const;

    std::string root_; // without symbolic links
    weft::unique_fd folder_;
};

} // namespace httpd
