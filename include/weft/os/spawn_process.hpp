// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
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
/// It is in this process's group, so Ctrl-C in a terminal reaches it, too.
/// It has all signals unblocked, SIGPIPE as it should be, and, where the system can do that, no
/// descriptors besides the three.
/// Errors    Throws `std::system_error` that names the program, with ENOENT if there is none, with
///           ENOSYS in a simulation.
template <class = if_used>
child_process spawn_process(std::vector<std::string> argv, process_options options = {});

// Implementation ------------------------------------------------------------

namespace detail {

/// Owns what a pair of C functions begins and ends.
template <class T, int (*Begin)(T*), int (*End)(T*)>
class spawn_list {
public:
    spawn_list() noexcept : error_(Begin(&list_)) {}
    spawn_list(spawn_list&&) = delete;
    ~spawn_list() {
        if (error_ == 0) End(&list_);
    }
    T* get() noexcept { return &list_; }
    int error() const noexcept { return error_; }

private:
    T list_;
    int error_;
};

/// What the new process does before it runs the program.
/// Errors  Throws `std::system_error` that names the program, and what there was no room for.
class spawn_actions {
public:
    explicit spawn_actions(const std::string& program) : program_(program) {
        ::sigset_t none, reset;
        ::sigemptyset(&none);
        ::sigemptyset(&reset);
        ::sigaddset(&reset, SIGPIPE);
        constexpr short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        check(actions_.error(), "its actions");
        check(attributes_.error(), "its attributes");
        check(::posix_spawnattr_setsigmask(attributes_.get(), &none), "its mask of signals");
        check(::posix_spawnattr_setsigdefault(attributes_.get(), &reset), "its signals");
        check(::posix_spawnattr_setflags(attributes_.get(), flags), "its signals");
    }

    void change_directory(const char* path) {
        check(::posix_spawn_file_actions_addchdir_np(actions_.get(), path), "its directory");
    }
    void open_null(int number) {
        const int mode = number == 0 ? O_RDONLY : O_WRONLY;
        check(::posix_spawn_file_actions_addopen(actions_.get(), number, "/dev/null", mode, 0),
              stream_name(number));
    }
    void duplicate(int from, int number) {
        check(::posix_spawn_file_actions_adddup2(actions_.get(), from, number),
              stream_name(number));
    }
    void close_others() {
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
        check(::posix_spawn_file_actions_addclosefrom_np(actions_.get(), 3), "its descriptors");
#endif
#endif
    }

    /// Returns 0 or an errno.
    int start(::pid_t& id, char* const* argv, char* const* environment) {
        return ::posix_spawnp(&id, argv[0], actions_.get(), attributes_.get(), argv, environment);
    }

    static child_process child(std::shared_ptr<unique_process> process,
                               std::array<file_stream, 3> streams) noexcept {
        return child_process(std::move(process), std::move(streams));
    }

    /// `error` is an errno, or 0.
    void check(int error, const char* part) const {
        if (error != 0) raise_system_error(error, "starting " + program_ + ": " + part);
    }
    static const char* stream_name(int number) noexcept {
        return number == 0   ? "its standard input"
               : number == 1 ? "its standard output"
                             : "its standard error";
    }

private:
    const std::string& program_;
    spawn_list<::posix_spawn_file_actions_t, ::posix_spawn_file_actions_init,
               ::posix_spawn_file_actions_destroy>
        actions_;
    spawn_list<::posix_spawnattr_t, ::posix_spawnattr_init, ::posix_spawnattr_destroy> attributes_;
};

/// A copy of `fd` that is none of the standard descriptors, which are about to be replaced.
inline unique_fd copy_above_standard(const spawn_actions& actions, int fd, int number) {
    unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    actions.check(copy ? 0 : errno, actions.stream_name(number));
    return copy;
}

/// Opens a pipe to a child: returns the child's end, and puts this process's into `ours`.
inline unique_fd open_child_pipe(const spawn_actions& actions, event_loop& loop, int number,
                                 file_stream& ours) {
    static constexpr const char* names[] = {"the standard input of a child process",
                                            "the standard output of a child process",
                                            "the standard error of a child process"};
    auto& calls = loop.system().calls();
    int ends[2];
    if (const int result = calls.pipe(ends); result < 0)
        actions.check(-result, actions.stream_name(number));
    unique_socket read(calls, ends[0]), write(calls, ends[1]);
    auto& kept = number == 0 ? write : read;
    auto theirs = copy_above_standard(actions, number == 0 ? read.fd() : write.fd(), number);
    // Programs do not expect that their standard streams would rather not block.
    ::fcntl(theirs.get(), F_SETFL, ::fcntl(theirs.get(), F_GETFL) & ~O_NONBLOCK);
    ours = file_stream(loop, std::move(kept), names[number]);
    return theirs;
}

template <class Strings>
std::vector<char*> pointers_to(const Strings& texts) {
    std::vector<char*> result;
    for (const auto& each : texts) result.push_back(const_cast<char*>(each.c_str()));
    result.push_back(nullptr);
    return result;
}

} // namespace detail

template <class>
child_process spawn_process(std::vector<std::string> argv, process_options options) {
    if (argv.empty()) raise<std::invalid_argument>("spawn_process: no program");
    auto& loop = this_loop();
    detail::spawn_actions actions(argv[0]);
    if (!loop.system().calls().has_processes())
        actions.check(ENOSYS, "a simulated system has no programs");
    const std::string directory(options.directory);
    if (!directory.empty()) actions.change_directory(directory.c_str());

    std::array<file_stream, 3> ours;
    std::array<unique_fd, 3> theirs;
    const std::array wanted{options.input, options.output, options.error};
    for (int number = 0; number != 3; ++number) {
        const auto index = static_cast<std::size_t>(number);
        const auto which = wanted[index].which();
        if (which == redirect::kind::pipe)
            theirs[index] = detail::open_child_pipe(actions, loop, number, ours[index]);
        else if (which == redirect::kind::descriptor)
            theirs[index] =
                detail::copy_above_standard(actions, wanted[index].descriptor(), number);

        if (theirs[index])
            actions.duplicate(theirs[index].get(), number);
        else if (which == redirect::kind::null)
            actions.open_null(number);
        else if (which == redirect::kind::output)
            actions.duplicate(1, number);
    }
    actions.close_others();

    auto process = std::make_shared<unique_process>(argv[0]);
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
    process->adopt(id);
    return actions.child(std::move(process), std::move(ours));
}

} // namespace weft
