// SPDX-License-Identifier: MIT
#include "site.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif

#include "conditions.hpp"
#include "content_type.hpp"
#include "http_date.hpp"
#include "listing.hpp"

namespace httpd {

namespace {

constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK; // a FIFO would block

/// Opens `name`, which must be below `root`, symbolic links followed. Returns -errno.
int open_by_name(const std::string& root, const std::string& name) {
    char real[PATH_MAX];
    if (!::realpath((root + '/' + name).c_str(), real)) return -errno;
    const std::string_view found = real;
    if (root != "/" && found != root && !found.starts_with(root + '/')) return -EXDEV;
    const int fd = ::open(real, flags | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/// The same, from the system, which leaves no time between looking and opening.
int open_beneath([[maybe_unused]] int folder, const std::string& root, const std::string& name) {
#ifdef SYS_openat2
    open_how how{};
    how.flags = flags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const long fd = ::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != ENOSYS && errno != EPERM) return -errno; // EPERM: some containers
#endif
    return open_by_name(root, name);
}

reply refusal(int error) {
    switch (error) {
    case EACCES:
    case EPERM:
    case EXDEV:
        return error_reply(403, "it must not be served");
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
        return error_reply(404, "there is no such file");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return error_reply(503, "too much to do, try again");
    default:
        return error_reply(500, std::generic_category().message(error));
    }
}

/// Whether a part of `path` begins with a dot: "..", and what is nobody's business.
bool is_hidden(std::string_view path) {
    if (path.starts_with("/.well-known/")) path.remove_prefix(12);
    return path.find("/.") != path.npos;
}

std::string tag_of(const struct stat& about) {
    return fmt::format("\"{:x}-{:x}-{:x}{:08x}\"", about.st_ino, about.st_size,
                       about.st_mtim.tv_sec, about.st_mtim.tv_nsec);
}

} // namespace

struct site::opened {
    weft::unique_fd file;
    struct stat about {};
    int error = 0;
};

site::site(const std::string& root) {
    char real[PATH_MAX];
    const auto fail = [&] { throw std::system_error(errno, std::generic_category(), root); };
    if (!::realpath(root.c_str(), real)) fail();
    root_ = real;
    folder_ = weft::unique_fd(::open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder_) fail();
}

site::opened site::open(const std::string& path) const {
    opened result;
    const auto first = path.find_first_not_of('/');
    const auto name = first == path.npos ? std::string(".") : path.substr(first);
    const int fd = open_beneath(folder_.get(), root_, name);
    if (fd < 0) {
        result.error = -fd;
        return result;
    }
    result.file = weft::unique_fd(fd);
    if (::fstat(fd, &result.about) != 0) result.error = errno;
    return result;
}

reply site::get(const request& asked, const target& wanted) const {
    const auto& path = wanted.path;
    if (is_hidden(path)) return refusal(ENOENT);
    auto found = open(path);
    if (found.error != 0) return refusal(found.error);
    if (S_ISREG(found.about.st_mode)) return send(std::move(found), asked, path);
    if (!S_ISDIR(found.about.st_mode)) return refusal(EACCES);

    if (!path.ends_with('/')) { // or else its links would lead elsewhere
        std::string there;
        for (std::size_t at = path.find_first_not_of('/'); at < path.size();) {
            const auto end = std::min(path.find('/', at), path.size());
            there += '/' + encode(std::string_view(path).substr(at, end - at));
            at = end + 1;
        }
        return reply(301, std::string()).with("Location", there + '/');
    }
    auto index = open(path + "index.html");
    if (index.error == 0 && S_ISREG(index.about.st_mode))
        return send(std::move(index), asked, "index.html");
    if (index.error != 0 && index.error != ENOENT) return refusal(index.error);
    try {
        return page("text/html; charset=utf-8", list_folder(std::move(found.file), path));
    } catch (const std::system_error& problem) {
        return refusal(problem.code().value());
    }
}

reply site::send(opened found, const request& asked, std::string_view path) const {
    const file_version version{tag_of(found.about), found.about.st_mtim.tv_sec,
                               static_cast<std::uint64_t>(found.about.st_size)};
    const auto describe = [&](reply answer) {
        return std::move(answer)
            .with("Content-Type", content_type_of(path))
            .with("Last-Modified", to_http_date(version.modified))
            .with("ETag", version.tag)
            .with("Accept-Ranges", "bytes");
    };
    if (has_version(asked, version)) return describe(reply(304));

    const auto range = asked.is_head() ? byte_range{byte_range::kind::all, 0, version.size}
                                       : wanted_range(asked, version);
    switch (range.what) {
    case byte_range::kind::unsatisfiable:
        return error_reply(416, "the file is shorter than that")
            .with("Content-Range", fmt::format("bytes */{}", version.size));
    case byte_range::kind::part:
        return describe(reply(206, file_part{std::move(found.file), range.first, range.size}))
            .with("Content-Range", fmt::format("bytes {}-{}/{}", range.first,
                                               range.first + range.size - 1, version.size));
    case byte_range::kind::all:
        break;
    }
    return describe(reply(200, file_part{std::move(found.file), 0, version.size}));
}

} // namespace httpd
