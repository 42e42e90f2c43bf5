// SPDX-License-Identifier: MIT
#include "listing.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "target.hpp"

namespace httpd {

namespace {

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

std::string escape(std::string_view text) {
    std::string result;
    for (const char each : text) switch (each) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        default:
            result += each;
        }
    return result;
}

/// Folders end in a slash. Not what is hidden, nor what is neither a file nor a folder.
std::vector<std::string> names_in(DIR* directory) {
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory)) {
        const std::string_view name = entry->d_name;
        if (name.starts_with('.')) continue;
        struct stat about {};
        if (::fstatat(::dirfd(directory), entry->d_name, &about, 0) != 0) continue;
        if (S_ISDIR(about.st_mode))
            names.push_back(fmt::format("{}/", name));
        else if (S_ISREG(about.st_mode))
            names.emplace_back(name);
    }
    std::ranges::sort(names);
    return names;
}

} // namespace

std::string list_folder(weft::unique_fd folder, std::string_view path) {
    const std::unique_ptr<DIR, close_directory> directory(::fdopendir(folder.get()));
    if (!directory) throw std::system_error(errno, std::generic_category(), "fdopendir");
    folder.release();

    const auto title = escape(path);
    auto html = fmt::format("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
                            "<h1>{0}</h1>\n<ul>\n",
                            title);
    if (path != "/") html += "<li><a href=\"../\">../</a>\n";
    for (const std::string& name : names_in(directory.get())) {
        const bool is_folder = name.ends_with('/');
        const auto bare = std::string_view(name).substr(0, name.size() - is_folder);
        // "./": else a name with a colon were a scheme
        html += fmt::format("<li><a href=\"./{}{}\">{}</a>\n", encode(bare), is_folder ? "/" : "",
                            escape(name));
    }
    return html + "</ul>\n";
}

} // namespace httpd
