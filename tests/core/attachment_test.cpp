// SPDX-License-Identifier: MIT
#include <weft/core/attachment.hpp>

#include <string>

#include "support/catch.hpp"

namespace {

using kind = weft::attachment::kind;

struct thing : weft::attachment {
    explicit thing(kind as, char letter = '?') noexcept : attachment(as), name(letter) {}
    char name;
};

/// The names of all that are an `as`, the newest first.
std::string names(const weft::attachments& in, kind as) {
    std::string result;
    for (auto* each = in.newest(as); each; each = each->older(as))
        result += static_cast<thing*>(each)->name;
    return result;
}

} // namespace

TEST_CASE("attachments of one kind are found from the newest to the oldest",
          "[core][attachment]") {
    weft::attachments all;
    CHECK(all.empty());
    CHECK(all.newest(kind::group) == nullptr);

    thing a(kind::group, 'a'), b(kind::joiner, 'b'), c(kind::group, 'c');
    for (thing* each : {&a, &b, &c}) all.add(*each);

    CHECK_FALSE(all.empty());
    CHECK(names(all, kind::group) == "ca");
    CHECK(names(all, kind::joiner) == "b");
    CHECK(names(all, kind::notes).empty());
}

TEST_CASE("notes stay before all others", "[core][attachment]") {
    weft::attachments all;
    thing group(kind::group), notes(kind::notes), joiner(kind::joiner);

    all.add(group);
    all.add(notes);
    CHECK(&all.front() == &notes);
    all.add(joiner);
    CHECK(&all.front() == &notes);
    notes.detach();
    CHECK(&all.front() == &joiner);
}

TEST_CASE("an attachment leaves from anywhere, also by being destroyed", "[core][attachment]") {
    weft::attachments all;
    thing a(kind::group, 'a');
    all.add(a);
    thing b(kind::group, 'b');
    all.add(b);
    {
        thing c(kind::group, 'c');
        all.add(c);
        CHECK(names(all, kind::group) == "cba");
    }

    CHECK(names(all, kind::group) == "ba");
    a.detach();
    CHECK_FALSE(a.is_attached());
    a.detach();
    CHECK(names(all, kind::group) == "b");
    b.detach();
    CHECK(all.empty());
    all.add(a);
    CHECK(names(all, kind::group) == "a");
}

TEST_CASE("one kind of attachments can be taken, the oldest first", "[core][attachment]") {
    weft::attachments all, taken;
    thing a(kind::joiner, 'a'), b(kind::group, 'b'), c(kind::joiner, 'c'), d(kind::joiner, 'd');
    for (thing* each : {&a, &b, &c, &d}) all.add(*each);

    taken.take(all, kind::joiner);

    CHECK(names(taken, kind::joiner) == "acd");
    CHECK(names(all, kind::joiner).empty());
    CHECK(names(all, kind::group) == "b");
    a.detach(); // as if it were still where it was
    CHECK(names(taken, kind::joiner) == "cd");
}
