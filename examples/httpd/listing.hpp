// SPDX-License-Identifier: MIT
// What a folder without an index.html looks like.
#pragma once

#include <string>
#include <string_view>

#include <weft/loop/unique_fd.hpp>

namespace httpd {

/// An HTML page with links to what is in `folder`, which is known as `path`.
/// Errors  Throws std::system_error.
std::string list_folder(weft::unique_fd folder, std::string_view path);

} // namespace httpd
