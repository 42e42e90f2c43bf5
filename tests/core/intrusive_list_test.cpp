// SPDX-License-Identifier: MIT
#include <weft/core/intrusive_list.hpp>

#include <list>
#include <memory>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

using weft::intrusive_list;
using weft::list_hook;

namespace {

struct other_tag;

struct letter : list_hook<>, list_hook<other_tag> {
    char value;
    explicit letter(char c) : value(c) {}
};
using letters = intrusive_list<letter>;

template <class Tag> std::string text(const intrusive_list<letter, Tag>& list) {
    std::string result;
    for (auto* each = list.first(); each; each = list.after(*each)) result += each->value;
    std::string backwards;
    for (auto* each = list.last(); each; each = list.before(*each)) backwards += each->value;
    CHECK(std::string(backwards.rbegin(), backwards.rend()) == result);
    return result;
}

} // namespace

TEST_CASE("a list hands out what it was given, in order", "[core][intrusive_list]") {
    letter a('a'), b('b'), c('c');
    letters list;
    CHECK(list.empty());
    CHECK(list.first() == nullptr);
    CHECK(list.last() == nullptr);

    list.push_back(b);
    list.push_back(c);
    list.push_front(a);
    CHECK(text(list) == "abc");
    CHECK(&list.front() == &a);
    CHECK(&list.back() == &c);
    CHECK(&list.pop_front() == &a);
    CHECK(&list.pop_front() == &b);
    CHECK(&list.pop_front() == &c);

    CHECK(list.empty());
    CHECK_FALSE(static_cast<list_hook<>&>(a).is_linked());
}

TEST_CASE("an item leaves its list from anywhere, knowing only itself", "[core][intrusive_list]") {
    letters list;
    std::list<letter> items;
    for (const char c : {'a', 'b', 'c', 'd', 'e'}) list.push_back(items.emplace_back(c));

    static_cast<list_hook<>&>(*std::next(items.begin(), 2)).unlink();
    CHECK(text(list) == "abde");
    items.pop_front();
    items.pop_back();
    CHECK(text(list) == "bd");
    static_cast<list_hook<>&>(*std::next(items.begin())).unlink(); // 'c' again: no effect
    CHECK(text(list) == "bd");
    items.clear();

    CHECK(list.empty());
}

TEST_CASE("an item can be put before another", "[core][intrusive_list]") {
    letter a('a'), b('b'), c('c');
    letters list;
    list.push_back(c);

    list.insert_before(c, b);
    list.insert_before(b, a);

    CHECK(text(list) == "abc");
}

TEST_CASE("a list takes over all that another holds", "[core][intrusive_list]") {
    letter a('a'), b('b'), c('c'), d('d');
    letters one, two;
    one.push_back(a);
    two.push_back(b);
    two.push_back(c);

    one.append(two);
    CHECK(text(one) == "abc");
    CHECK(two.empty());
    one.append(two);
    CHECK(text(one) == "abc");
    two.append(one);
    CHECK(one.empty());
    two.push_back(d);

    CHECK(text(two) == "abcd");
}

TEST_CASE("an item is in one list for each of its hooks", "[core][intrusive_list]") {
    letter a('a'), b('b');
    letters list;
    intrusive_list<letter, other_tag> other;
    list.push_back(a);
    list.push_back(b);

    other.push_back(b);
    other.push_back(a);
    static_cast<list_hook<>&>(a).unlink();

    CHECK(text(list) == "b");
    CHECK(text(other) == "ba");
}

TEST_CASE("a list that goes lets go of its items", "[core][intrusive_list]") {
    static_assert(!std::is_copy_constructible_v<letters> && !std::is_move_constructible_v<letters>);
    static_assert(!std::is_copy_constructible_v<list_hook<>>);
    letter a('a'), b('b');
    {
        letters list;
        list.push_back(a);
        list.push_back(b);
    }

    CHECK_FALSE(static_cast<list_hook<>&>(a).is_linked());
    CHECK_FALSE(static_cast<list_hook<>&>(b).is_linked());
    letters another;
    another.push_back(a);
    another.push_back(b);
    another.clear();
    CHECK(another.empty());
    CHECK_FALSE(static_cast<list_hook<>&>(b).is_linked());
}
