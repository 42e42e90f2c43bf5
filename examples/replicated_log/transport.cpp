// SPDX-License-Identifier: MIT
#include "transport.hpp"

#include <system_error>
#include <utility>

#include <weft/compose/with_timeout.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/write_all.hpp>

namespace replicated_log {

weft::task<std::optional<reply>> connection::ask(request question) {
    auto answer = co_await weft::try_for(patience_, exchange(to_line(question)));
    if (!answer || !*answer) line_.reset();
    co_return answer ? *answer : std::nullopt;
}

weft::task<std::optional<reply>> connection::exchange(std::string question) {
    std::error_code code;
    if (!line_) {
        auto stream = co_await weft::connect(to_, code);
        if (code) co_return std::nullopt;
        line_.emplace(std::move(stream));
    }
    co_await weft::write_all(line_->stream, std::string_view(question), code);
    if (code) co_return std::nullopt;
    auto answer = co_await line_->answers.read_line(code);
    if (code || !answer) co_return std::nullopt;
    co_return parse_reply(*answer);
}

} // namespace replicated_log
