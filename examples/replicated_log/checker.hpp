// SPDX-License-Identifier: MIT
// What must be true of every run, whatever goes wrong in it.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "node.hpp"

namespace replicated_log {

/// Remembers the first thing that went wrong: members live on, `check` throws it.
class checker : public witness {
public:
    explicit checker(std::size_t members) : applied_(members) {}

    void leads(member_id who, term_number term) override {
        const auto known = leaders_.emplace(term, who).first->second;
        require(known == who, "term {} has two leaders: members {} and {}", term, known, who);
    }

    void applies(member_id who, log_index index, const entry& what, bool is_new) override {
        applied_[static_cast<std::size_t>(who)] = index;
        if (index > history_.size()) {
            history_.push_back(what);
            if (!is_new) return;
            auto& last = commands_[what.client];
            last.push_back(what.text);
            require(what.number == last.size(), "command {} of client {} is applied as number {}",
                    what.number, what.client, last.size());
        }
        const auto& known = history_[static_cast<std::size_t>(index - 1)];
        require(known == what,
                "member {} has {} of term {} at {}, where {} of term {} was committed", who,
                what.text, what.term, index, known.text, known.term);
    }

    /// A client was told that its next command is in the log.
    void acknowledged(std::uint64_t client, const std::string& text) {
        acknowledged_[client].push_back(text);
    }

    /// A member that has restarted applies everything again.
    void restarted(member_id who) { applied_[static_cast<std::size_t>(who)] = 0; }

    bool all_agree() const {
        for (const auto each : applied_)
            if (each != history_.size()) return false;
        return true;
    }
    /// When all members agree again.
    void nothing_is_lost() {
        for (const auto& [client, texts] : acknowledged_)
            for (std::size_t i = 0; i != texts.size(); ++i)
                require(i < commands_[client].size() && commands_[client][i] == texts[i],
                        "{} of client {} was acknowledged, and is lost", texts[i], client);
    }

    void check() const {
        if (!wrong_.empty()) throw std::logic_error(wrong_);
    }
    std::size_t commands() const {
        std::size_t count = 0;
        for (const auto& [client, texts] : acknowledged_) count += texts.size();
        return count;
    }
    std::size_t elections() const { return leaders_.size(); }

private:
    template <class... Args>
    void require(bool is_true, fmt::format_string<Args...> text, Args&&... args) {
        if (!is_true && wrong_.empty()) wrong_ = fmt::format(text, std::forward<Args>(args)...);
    }

    std::map<term_number, member_id> leaders_;
    std::vector<entry> history_; // committed, as whoever was first has seen it
    std::map<std::uint64_t, std::vector<std::string>> commands_, acknowledged_; // of each client
    std::vector<log_index> applied_;
    std::string wrong_;
};

} // namespace replicated_log
