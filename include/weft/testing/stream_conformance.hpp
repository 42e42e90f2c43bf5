// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>

#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/with_timeout.hpp>
#include <weft/core/awaitable.hpp>
#include <weft/core/raise.hpp>
#include <weft/coro/task.hpp>
#include <weft/testing/byte_flow.hpp>
#include <weft/testing/leak_check.hpp>
#include <weft/testing/scenario.hpp>
#include <weft/testing/stream_rules.hpp>

namespace weft::testing {

/// Checks streams of one's own against `async_stream`, rule by rule, each on a new connection and
/// from either end. `make_pair()` returns an awaitable of the two ends: a pair, or a struct of two.
///
///     sim.run([] {
///         return check_stream_conformance([]() -> task<std::pair<my_stream, my_stream>> { ... });
///     });
///
/// What goes beyond `async_stream` (`close`, error codes, several buffers) is checked if it is
/// there. In a simulation, whatever never ends fails at once.
/// Errors  Throws `failure` that names the rule and what is wrong. Rethrows those of `make_pair`.
template <class MakePair>
    requires awaits<std::invoke_result_t<MakePair&>>
task<> check_stream_conformance(MakePair make_pair, stream_terms terms = {});

// Implementation ------------------------------------------------------------

namespace detail {

template <class Ours, class Theirs>
struct stream_rule {
    using rules = stream_rules<Ours, Theirs>;
    const char* name;
    task<> (rules::*check)();

    static std::span<const stream_rule> all() noexcept {
        static constexpr stream_rule list[] = {
            {"a read returns what is there, and waits if that is nothing", &rules::short_reads},
            {"bytes arrive whole and in order", &rules::in_order},
            {"an empty buffer is neither filled nor emptied", &rules::empty},
            {"one byte at a time", &rules::single_bytes},
            {"after shutdown_write comes what was written, then the end", &rules::the_end},
            {"each direction ends by itself", &rules::half_close},
            {"both directions, and both ends, at the same time", &rules::both_ways},
            {"a writer waits while nobody reads, and goes on then", &rules::back_pressure},
            {"a cancelled read takes nothing", &rules::cancelled_read},
            {"a cancelled write sends nothing", &rules::cancelled_write},
            {"a read or a write that is destroyed does no harm", &rules::destroyed},
            {"a second reader is refused", &rules::second_reader},
            {"a peer that goes ends a read that waits", &rules::peer_goes},
            {"a peer that goes ends a write that waits", &rules::peer_goes_unread},
            {"writing to a peer that has gone is an error", &rules::peer_has_gone},
            {"close ends a read that waits", &rules::close_while_reading},
            {"several buffers are written as one", &rules::gathering},
            {"an error code gets the error, or is cleared", &rules::reporting},
        };
        return list;
    }
};

/// Checks one rule on one connection.
template <class Ours, class Theirs>
task<> check_rule(Ours& ours, Theirs& theirs, stream_terms terms, const byte_pattern& pattern,
                  std::size_t number) {
    const auto& rule = stream_rule<Ours, Theirs>::all()[number];
    stream_rules<Ours, Theirs> checked{ours, theirs, terms, pattern};
    auto settled = co_await when_all_settled(try_for(terms.limit, (checked.*rule.check)()));
    auto& ended = std::get<0>(settled);
    std::string wrong;
    if (ended.error())
        wrong = text_of(ended.error());
    else if (!ended.value())
        wrong = "it waits for ever";
    if (!wrong.empty())
        raise<failure>(std::string("check_stream_conformance, ") + rule.name + ": " + wrong);
}

/// Returns how many rules there are.
template <class MakePair>
task<std::size_t> check_rule_of(MakePair& make_pair, stream_terms terms,
                                const byte_pattern& pattern, std::size_t number, bool turned) {
    auto ends = co_await make_pair();
    auto& [one, other] = ends;
    if (turned)
        co_await check_rule(other, one, terms, pattern, number);
    else
        co_await check_rule(one, other, terms, pattern, number);
    co_return stream_rule<std::remove_cvref_t<decltype(one)>,
                          std::remove_cvref_t<decltype(other)>>::all().size();
}

} // namespace detail

template <class MakePair>
    requires awaits<std::invoke_result_t<MakePair&>>
task<> check_stream_conformance(MakePair make_pair, stream_terms terms) {
    const byte_pattern pattern;
    std::size_t rules = 1;
    for (std::size_t number = 0; number < rules; ++number)
        for (const bool turned : {false, true})
            rules = co_await detail::check_rule_of(make_pair, terms, pattern, number, turned);
}

} // namespace weft::testing
