// SPDX-License-Identifier: MIT
// What is counted: parsers fill batches of keys, tallies count them and are merged into the answer.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <ranges>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace logstat {

/// The tables a key can be counted in: `answer` is --by's, the others are the report's.
enum class table : std::uint8_t { answer, hosts, paths, agents, statuses, hours, columns };
inline constexpr std::size_t table_count = 7;

/// The keys found in one chunk of input, packed end to end: two allocations, not one per key.
class batch {
public:
    std::uint64_t records = 0;
    std::uint64_t bytes_served = 0;
    std::chrono::local_seconds first = std::chrono::local_seconds::max();
    std::chrono::local_seconds last = std::chrono::local_seconds::min();

    /// Adds `piece` to the key being built; `finish_key` ends it.
    void append(std::string_view piece) { text_.append(piece); }
    void append_escaped(std::string_view piece) { // a key is one line of output
        for (char c : piece) c == '\n' ? text_.append("\\n") : text_.append(1, c);
    }
    void finish_key(table where) { keys_.push_back({text_.size(), where}); }
    void add(table where, std::string_view key) {
        append(key);
        finish_key(where);
    }

    template <class Visitor> void for_each_key(Visitor visit) const {
        std::size_t begin = 0;
        for (const auto& [end, where] : keys_) {
            visit(where, std::string_view(text_).substr(begin, end - begin));
            begin = end;
        }
    }

private:
    struct key_end {
        std::size_t end;
        table where;
    };

    std::string text_;
    std::vector<key_end> keys_;
};

struct row {
    std::string_view key;
    std::uint64_t count = 0;
};

/// How often each key was seen. Grows with the number of distinct keys, never with the input.
class counts {
public:
    void add(std::string_view key) {
        if (auto found = map_.find(key); found != map_.end())
            ++found->second;
        else
            map_.emplace(key, 1);
    }

    /// Moves everything out of `other` into this table, without copying a key.
    void absorb(counts& other) {
        if (map_.size() < other.map_.size()) map_.swap(other.map_);
        map_.merge(other.map_);
        for (const auto& [key, count] : other.map_) map_.find(key)->second += count;
        other.map_.clear();
    }

    /// The `limit` most frequent keys, in the order of `LC_ALL=C sort -k1,1nr -k2`:
    /// highest count first, equal counts by the bytes of the key.
    std::vector<row> top(std::size_t limit = std::numeric_limits<std::size_t>::max()) const {
        auto rows = map_ | std::views::transform([](const auto& entry) {
                        return row{entry.first, entry.second};
                    });
        auto order = [](const row& a, const row& b) {
            return a.count != b.count ? a.count > b.count : a.key < b.key;
        };
        std::vector<row> best(std::min(limit, map_.size()));
        std::partial_sort_copy(rows.begin(), rows.end(), best.begin(), best.end(), order);
        return best;
    }

    std::size_t size() const noexcept { return map_.size(); }

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };

    std::unordered_map<std::string, std::uint64_t, text_hash, std::equal_to<>> map_;
};

/// A share of the answer; one worker at a time has it, and in the end all are merged into one.
struct tally {
    std::array<counts, table_count> tables;
    std::uint64_t records = 0;
    std::uint64_t bytes_served = 0;
    std::chrono::local_seconds first = std::chrono::local_seconds::max();
    std::chrono::local_seconds last = std::chrono::local_seconds::min();

    const counts& operator[](table which) const { return tables[static_cast<std::size_t>(which)]; }

    void add(const batch& found) {
        found.for_each_key([this](table where, std::string_view key) {
            tables[static_cast<std::size_t>(where)].add(key);
        });
        add_totals(found);
    }

    void absorb(tally& other) {
        for (std::size_t i = 0; i < table_count; ++i) tables[i].absorb(other.tables[i]);
        add_totals(other);
        other = {};
    }

    std::size_t distinct_keys() const noexcept {
        std::size_t sum = 0;
        for (const counts& one : tables) sum += one.size();
        return sum;
    }

private:
    void add_totals(const auto& from) {
        records += from.records;
        bytes_served += from.bytes_served;
        first = std::min(first, from.first);
        last = std::max(last, from.last);
    }
};

} // namespace logstat
