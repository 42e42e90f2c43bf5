// SPDX-License-Identifier: MIT
//
// Folders and files of a test's own, which go with it.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <weft/loop/unique_fd.hpp>

/// The name of something that is still to be made, for mkdtemp(3) and its like.
inline std::string temporary_pattern() {
    std::error_code missing;
    auto where = std::filesystem::temp_directory_path(missing);
    if (missing) where = "/tmp";
    return (where / "weft-test-XXXXXX").string();
}

/// Removed with everything in it.
class temporary_folder {
public:
    temporary_folder() {
        if (!::mkdtemp(name_.data())) throw std::runtime_error("mkdtemp failed: " + name_);
    }
    temporary_folder(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(name_, ignored);
    }
    const std::string& name() const noexcept { return name_; }
    std::string path(std::string_view file = "socket") const {
        return (name_ + '/').append(file);
    }

private:
    std::string name_ = temporary_pattern();
};

/// A file without a name that holds `content`.
inline weft::unique_fd temporary_file(std::string_view content) {
    auto name = temporary_pattern();
    weft::unique_fd file(::mkostemp(name.data(), O_CLOEXEC));
    ::unlink(name.c_str());
    if (!file || ::write(file.get(), content.data(), content.size()) !=
                     static_cast<ssize_t>(content.size()))
        throw std::runtime_error("no temporary file");
    return file;
}
