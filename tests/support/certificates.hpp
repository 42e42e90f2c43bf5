// SPDX-License-Identifier: MIT
//
// A certificate authority that exists for one test program, made by the `openssl` program: files in
// a temporary folder that goes with it.
//
//     const auto& files = certificates::instance();
//     tls_context::server(files.path("server.pem"), files.path("server.key"));
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "support/temporary.hpp"

class certificates {
public:
    static const certificates& instance() {
        static const certificates files;
        return files;
    }
    certificates(const certificates&) = delete;

    /// ca.pem certifies server.pem (localhost, *.example.test, 127.0.0.1), expired.pem and
    /// client.pem; each has a .key. stranger.pem is certified by nobody but itself.
    std::string path(const std::string& name) const { return folder_.path(name); }

private:
    certificates() {
        make("ca", "/CN=weft test authority", "", "");
        make("stranger", "/CN=localhost", "-addext subjectAltName=DNS:localhost", "");
        const std::string names = "subjectAltName=DNS:localhost,DNS:*.example.test,IP:127.0.0.1";
        make("server", "/CN=server", "-addext " + names, "-days 2");
        make("expired", "/CN=expired", "-addext " + names, "-days -1");
        make("client", "/CN=client", "", "-days 2");
    }

    // Self-signed, or, if it says for how long, by the authority.
    void make(const std::string& name, const std::string& subject, const std::string& more,
              const std::string& days) {
        const std::string base = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes " +
                                 ("-subj '" + subject) + "' -keyout " + name + ".key " + more;
        if (days.empty()) return run(base + " -x509 -days 2 -out " + name + ".pem");
        run(base + " -out " + name + ".csr");
        run("x509 -req -copy_extensions copyall -in " + name + ".csr -CA ca.pem -CAkey ca.key " +
            "-CAcreateserial " + days + " -out " + name + ".pem");
    }
    void run(const std::string& command) const {
        const std::string line =
            "cd '" + folder_.name() + "' && openssl " + command + " >>log 2>&1";
        if (std::system(line.c_str()) == 0) return;
        std::ifstream log(path("log"));
        throw std::runtime_error("openssl " + command + ": " +
                                 std::string(std::istreambuf_iterator<char>(log), {}));
    }

    temporary_folder folder_;
};
