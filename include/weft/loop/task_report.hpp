// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/core/branch.hpp>
#include <weft/core/branch_owner.hpp>
#include <weft/core/operation_base.hpp>
#include <weft/loop/event_loop.hpp>

namespace weft {

/// Who lives in a loop, and what each waits for, where, and because of whom:
///
///     main: waits in when_all at bank.cpp:20
///       branch: waits in mutex.lock at bank.cpp:12, called from bank.cpp:31, because of "clerk"
///     "clerk": waits in mutex.lock at bank.cpp:14, because of main
///     task 2: is ready
///
/// Below a branch stand those that run in its place (of a fork) and those of groups made in it.
/// Groups that were made outside of any branch are known to nobody: `add` them.
/// Lifetime  Nothing may run between its construction and its use.
class task_report {
public:
    struct entry {
        const branch* who;
        std::size_t depth; ///< 0: of the loop itself, or of a group that was added
        std::string label; ///< main, "its name", task 7; branch: it runs in place of the one above
    };

    explicit task_report(const event_loop& loop) : main_(loop.main()) {
        if (main_ && !main_->is_done()) list(*main_, {});
        add(loop.root());
    }

    /// Lists the children of `owner` too, with `prefix` before their names.
    void add(const branch_owner& owner, std::string_view prefix = {}) {
        for (auto* each = owner.children().first(); each; each = owner.children().after(*each))
            list(*each, prefix);
    }

    const std::vector<entry>& entries() const noexcept { return entries_; }

    /// One line for each entry from `first` on; ends with a line break, unless there is none.
    std::string text(std::size_t first = 0) const;

    /// What one of them does: "waits in sleep at clock.cpp:7". Empty label: by any other name.
    std::string line(const branch& who) const;

private:
    void list(const branch& first, std::string_view prefix);
    std::string label(const branch& who, std::string_view prefix);
    std::string name(const branch* who) const;
    bool lists(const branch& who) const noexcept { return find(&who) != entries_.end(); }
    std::vector<entry>::const_iterator find(const branch* who) const noexcept {
        return std::find_if(entries_.begin(), entries_.end(),
                            [=](const entry& each) { return each.who == who; });
    }
    static void append_place(std::string& text, const frame& where);

    const branch* main_;
    std::size_t unnamed_ = 0;
    std::vector<entry> entries_;
};

/// Returns the text of a `task_report` of `loop`.
inline std::string report_tasks(const event_loop& loop) { return task_report(loop).text(); }

// Implementation ------------------------------------------------------------

inline void task_report::list(const branch& first, std::string_view prefix) {
    // Not by recursion: forks may be nested without limit. The newest is on top of the stack.
    std::vector<std::pair<const branch*, std::size_t>> left{{&first, 0}};
    const auto push = [&](const branch_owner& owner, std::size_t depth) {
        for (auto* each = owner.children().last(); each; each = owner.children().before(*each))
            left.emplace_back(each, depth);
    };
    while (!left.empty()) {
        const auto [who, depth] = left.back();
        left.pop_back();
        entries_.push_back({who, depth, label(*who, prefix)});
        auto* const awaited = who->waits_on();
        auto* const own = awaited ? awaited->children() : nullptr;
        for (auto* group = who->newest_group(); group; group = group->older_group())
            if (group != own) push(*group, depth + 1);
        if (own) push(*own, depth + 1);
        // A child of an owner that nobody else leads to: the body of a shared_task or of an
        // async_generator.
        if (auto* other = awaited ? awaited->waits_for() : nullptr;
            other && !other->owner().spawns() && !other->owner().parent() && other != main_ &&
            !other->is_done() && !lists(*other))
            left.emplace_back(other, depth + 1);
    }
}

inline std::string task_report::label(const branch& who, std::string_view prefix) {
    const bool runs_in_place = !who.owner().spawns() && who.owner().parent();
    if (runs_in_place) return "branch";
    std::string text(prefix);
    if (*who.name() != '\0') return text.append(1, '"').append(who.name()).append(1, '"');
    if (&who == main_) return text.append("main");
    return text.append("task ").append(std::to_string(++unnamed_));
}

// `who` may be gone, unless it is listed.
inline std::string task_report::name(const branch* who) const {
    auto found = find(who);
    if (found == entries_.end()) return "somebody";
    const branch* task = who; // whose name it is
    while (!task->owner().spawns() && task->owner().parent()) task = task->owner().parent();
    found = find(task);
    return found == entries_.end() ? "somebody" : found->label;
}

inline void task_report::append_place(std::string& text, const frame& where) {
    if (where.awaits_at.line() == 0) return;
    std::string_view file = where.awaits_at.file_name();
    if (const auto slash = file.rfind('/'); slash != file.npos) file.remove_prefix(slash + 1);
    text.append(file).append(1, ':').append(std::to_string(where.awaits_at.line()));
}

inline std::string task_report::line(const branch& who) const {
    if (who.is_done()) return "has ended";
    if (!who.is_started()) return "has not started";
    if (who.is_joining()) return "was cancelled, and waits for the end of its groups";
    auto* const awaited = who.waits_on();
    std::string text = awaited                ? std::string("waits in ") + awaited->describe()
                       : who.is_stopping()    ? "was cancelled"
                       : who.is_queued()      ? "is ready"
                                              : "runs";
    if (awaited && who.leaf()) {
        constexpr std::size_t most = 16; // of a chain that may be of any length
        std::size_t count = 0;
        for (auto* each = who.leaf(); each && count != most; each = each->above(), ++count) {
            text += count == 0 ? " at " : ", called from ";
            append_place(text, *each);
        }
        if (count == most) text += ", ...";
    }
    if (who.cancel_requested()) text += ", is being cancelled";
    const branch* other = awaited ? awaited->waits_for() : nullptr;
    if (awaited && !other) other = awaited->locked_by();
    if (other) text.append(", because of ").append(name(other));
    return text;
}

inline std::string task_report::text(std::size_t first) const {
    std::string text;
    for (auto i = first; i < entries_.size(); ++i) {
        const auto& each = entries_[i];
        text.append(2 * each.depth, ' ').append(each.label).append(": ");
        text.append(line(*each.who)).append(1, '\n');
    }
    return text;
}

} // namespace weft
