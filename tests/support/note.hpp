// SPDX-License-Identifier: MIT
#pragma once

#include <string>

/// Adds its name to `log` when it is destroyed: in a frame it tells when that goes.
class note {
public:
    note(std::string& log, char name) : log_(log), name_(name) {}
    note(note&&) = delete;
    ~note() { log_ += name_; }

private:
    std::string& log_;
    char name_;
};
