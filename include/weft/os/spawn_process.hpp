// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <unistd.h>

#include <weft/core/raise.hpp>
#include <weft/loop/event_loop.hpp>
#include <weft/loop/unique_fd.hpp>
#include <weft/net/socket.hpp>
#include <weft/os/child_process.hpp>
#include <weft/os/file_stream.hpp>
#include <weft/os/process_options.hpp>
#include <weft/os/unique_process.hpp>

namespace weft {

/// Starts `argv[0]`, looked for in PATH if there is no slash in it, with `argv` as arguments.
///
///     auto unzip = weft::spawn_process({"zcat", path});
///     weft::buffered_reader lines(unzip.standard_output());
///
/// By default its output is read here, and its input and errors are this process's.
/// It has all signals unblocked, SIGPIPE as it should be, and, where the system can do that, no
/// descriptors besides the three.
/// Errors    Throws `std::system_error` that names the program, with ENOENT if there is none.
child_process spawn_process(std::vector<std::string> argv, process_options options = {});

// Implementation ------------------------------------------------------------

namespace detail {

/// What the new process does before it runs the program.
class spawn_actions {
public:
    spawn_actions() {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
        ::sigset_t none, reset;
        ::sigemptyset(&none);
        ::sigemptyset(&reset);
        ::sigaddset(&reset, SIGPIPE);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &reset);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    spawn_actions(spawn_actions&&) = delete;
    ~spawn_actions() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    void change_directory(const char* path) {
        ::posix_spawn_file_actions_addchdir_np(&actions_, path);
    }
    void open_null(int number) {
        ::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null",
                                           number == 0 ? O_RDONLY : O_WRONLY, 0);
    }
    void duplicate(int from, int number) {
        ::posix_spawn_file_actions_adddup2(&actions_, from, number);
    }
    void close_others() {
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
#endif
#endif
    }

    /// Returns 0 or an errno.
    int start(::pid_t& id, char* const* argv, char* const* environment) {
        return ::posix_spawnp(&id, argv[0], &actions_, &attributes_, argv, environment);
    }

private:
    ::posix_spawn_file_actions_t actions_;
    ::posix_spawnattr_t attributes_;
};

/// A copy of `fd` that is none of the standard descriptors, which are about to be replaced.
inline unique_fd copy_above_standard(int fd) {
    unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) raise_system_error(errno, "a standard stream for a child process");
    return copy;
}

/// Opens a pipe to a child: returns the child's end, and puts this process's into `ours`.
inline unique_fd open_child_pipe(event_loop& loop, int number, file_stream& ours) {
    static constexpr const char* names[] = {"the standard input of a child process",
                                            "the standard output of a child process",
                                            "the standard error of a child process"};
    auto& calls = loop.system().calls();
    int ends[2];
    if (const int result = calls.pipe(ends); result < 0)
        raise_system_error(-result, std::string("a pipe for ") + names[number]);
    unique_socket read(calls, ends[0]), write(calls, ends[1]);
    auto& kept = number == 0 ? write : read;
    auto theirs = copy_above_standard(number == 0 ? read.fd() : write.fd());
    // Programs do not expect that their standard streams would rather not block.
    ::fcntl(theirs.get(), F_SETFL, ::fcntl(theirs.get(), F_GETFL) & ~O_NONBLOCK);
    ours = file_stream(loop, std::move(kept), names[number]);
    return theirs;
}

inline std::vector<char*> pointers_to(std::span<const std::string> texts) {
    std::vector<char*> result;
    for (const auto& each : texts) result.push_back(const_cast<char*>(each.c_str()));
    result.push_back(nullptr);
    return result;
}

} // namespace detail

inline child_process spawn_process(std::vector<std::string> argv, process_options options) {
    if (argv.empty()) raise<std::invalid_argument>("spawn_process: no program");
    auto& loop = this_loop();
    detail::spawn_actions actions;
    const std::string directory(options.directory);
    if (!directory.empty()) actions.change_directory(directory.c_str());

    child_process result;
    std::array<unique_fd, 3> theirs;
    const std::array wanted{options.input, options.output, options.error};
    for (int number = 0; number != 3; ++number) {
        const auto index = static_cast<std::size_t>(number);
        const auto which = wanted[index].which();
        if (which == redirect::kind::pipe)
            theirs[index] = detail::open_child_pipe(loop, number, result.streams_[index]);
        else if (which == redirect::kind::descriptor)
            theirs[index] = detail::copy_above_standard(wanted[index].descriptor());

        if (theirs[index])
            actions.duplicate(theirs[index].get(), number);
        else if (which == redirect::kind::null)
            actions.open_null(number);
        else if (which == redirect::kind::output)
            actions.duplicate(1, number);
    }
    actions.close_others();

    result.process_ = std::make_shared<unique_process>(argv[0]);
    const auto arguments = detail::pointers_to(argv);
    std::vector<char*> environment;
    if (options.environment) environment = detail::pointers_to(*options.environment);
    ::pid_t id = -1;
    const int error = actions.start(id, arguments.data(),
                                    options.environment ? environment.data() : ::environ);
    if (error != 0) {
        const bool no_directory = !directory.empty() && ::access(directory.c_str(), X_OK) != 0;
        raise_system_error(error, "starting " + argv[0] +
                                      (no_directory ? " in the directory " + directory : ""));
    }
    result.process_->adopt(id);
    return result;
}

} // namespace weft
