// SPDX-License-Identifier: MIT
// Appends entries, one after the other, and asks again until each is acknowledged.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weft/coro/task.hpp>
#include <weft/net/endpoint.hpp>
#include <weft/time/sleep.hpp>

#include "messages.hpp"
#include "transport.hpp"

namespace replicated_log {

class client {
public:
    client(std::uint64_t id, std::vector<weft::endpoint> members)
        : id_(id), members_(std::move(members)) {}

    std::uint64_t id() const { return id_; }

    /// Returns the index, one of them if it was sent more than once. `text` is a word.
    weft::task<log_index> append(std::string text) {
        const ask_propose wish{id_, ++number_, std::move(text)};
        for (;;) {
            if (!line_) line_.emplace(members_[leader_], patience);
            const auto answer = co_await line_->ask(wish);
            if (answer && answer->yes) co_return answer->value;
            // Whom to ask next: who is said to lead, else anybody else.
            const bool is_known = answer && answer->value < members_.size();
            leader_ = is_known ? answer->value : (leader_ + 1) % members_.size();
            line_.reset();
            co_await weft::sleep_for(pause);
        }
    }

private:
    static constexpr std::chrono::milliseconds patience{500}, pause{40};

    std::uint64_t id_;
    std::uint64_t number_ = 0;
    std::vector<weft::endpoint> members_;
    member_id leader_ = 0;
    std::optional<connection> line_;
};

} // namespace replicated_log
