// SPDX-License-Identifier: MIT
//
// What does an element of a generator cost: of a flat one, and of a tree of generators 18 deep, in
// which there are two generators to an element? The flat one is hidden behind a call, and then not.
#include <coroutine>
#include <exception>
#include <iterator>
#include <utility>

#include <weft/coro/generator.hpp>

#include "floor.hpp"
#include "workload.hpp"

namespace {

constexpr int depth = 18;
constexpr int tree_elements = (1 << depth) - 1;

namespace bare {

/// A flat generator: the frame knows the item, and nothing else.
class generator {
public:
    struct promise_type : floors::pooled {
        generator get_return_object() noexcept { return generator{handle::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        std::suspend_always yield_value(const int& yielded) noexcept {
            item = std::addressof(yielded);
            return {};
        }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }

        const int* item;
    };
    using handle = std::coroutine_handle<promise_type>;

    struct iterator {
        const int& operator*() const noexcept { return *coroutine.promise().item; }
        iterator& operator++() {
            coroutine.resume();
            return *this;
        }
        bool operator==(std::default_sentinel_t) const noexcept { return coroutine.done(); }
        handle coroutine;
    };

    generator(generator&&) = delete;
    ~generator() { coroutine_.destroy(); }
    iterator begin() {
        coroutine_.resume();
        return {coroutine_};
    }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    explicit generator(handle coroutine) noexcept : coroutine_(coroutine) {}
    handle coroutine_;
};

/// A generator that may yield from another: the root is resumed at its leaf, control passes from
/// frame to frame by symmetric transfer.
class nested {
public:
    struct promise_type : floors::pooled {
        struct transfer {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<>
            await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                auto& self = ended.promise();
                if (self.parent == nullptr) return std::noop_coroutine();
                self.root->leaf = handle::from_promise(*self.parent);
                return self.root->leaf;
            }
            void await_resume() const noexcept {}
        };
        nested get_return_object() noexcept { return nested{handle::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        transfer final_suspend() const noexcept { return {}; }
        std::suspend_always yield_value(const int& yielded) noexcept {
            root->item = std::addressof(yielded);
            return {};
        }
        nested yield_value(nested&& inner) noexcept {
            return nested{std::exchange(inner.coroutine_, {})};
        }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }

        promise_type* root = this;
        promise_type* parent = nullptr;
        std::coroutine_handle<promise_type> leaf = handle::from_promise(*this); // of a root
        const int* item;                                                        // of a root
    };
    using handle = std::coroutine_handle<promise_type>;

    struct iterator {
        const int& operator*() const noexcept { return *coroutine.promise().item; }
        iterator& operator++() {
            coroutine.promise().leaf.resume();
            return *this;
        }
        bool operator==(std::default_sentinel_t) const noexcept { return coroutine.done(); }
        handle coroutine;
    };

    nested(nested&&) = delete;
    ~nested() {
        if (coroutine_) coroutine_.destroy();
    }
    iterator begin() {
        coroutine_.resume();
        return {coroutine_};
    }
    std::default_sentinel_t end() const noexcept { return {}; }

    bool await_ready() const noexcept { return false; }
    handle await_suspend(handle outer) const noexcept {
        auto& promise = coroutine_.promise();
        promise.parent = &outer.promise();
        promise.root = outer.promise().root;
        return promise.root->leaf = coroutine_;
    }
    void await_resume() const noexcept {}

private:
    explicit nested(handle coroutine) noexcept : coroutine_(coroutine) {}
    handle coroutine_;
};

generator inlinable_count(int last) {
    for (int i = 0; i != last; ++i) co_yield i;
}
[[gnu::noinline]] generator count(int last) {
    for (int i = 0; i != last; ++i) co_yield i;
}
nested walk(int levels) {
    if (levels == 0) co_return;
    co_yield walk(levels - 1);
    co_yield levels;
    co_yield walk(levels - 1);
}

} // namespace bare

namespace woven {

weft::generator<const int&> inlinable_count(int last) {
    for (int i = 0; i != last; ++i) co_yield i;
}
[[gnu::noinline]] weft::generator<const int&> count(int last) {
    for (int i = 0; i != last; ++i) co_yield i;
}
weft::generator<const int&> walk(int levels) {
    if (levels == 0) co_return;
    co_yield weft::elements_of(walk(levels - 1));
    co_yield levels;
    co_yield weft::elements_of(walk(levels - 1));
}

} // namespace woven

template <auto Make, int Argument, int Elements>
void sum(benchmark::State& state) {
    for (auto _ : state) {
        unsigned total = 0;
        for (int i : Make(Argument)) total += static_cast<unsigned>(i);
        benchmark::DoNotOptimize(total);
    }
    workload::per_operation(state, Elements);
}

using workload::batch;
BENCHMARK(sum<bare::count, batch, batch>)->Name("generator_iota/floor");
BENCHMARK(sum<woven::count, batch, batch>)->Name("generator_iota/weft");
BENCHMARK(sum<bare::inlinable_count, batch, batch>)->Name("generator_iota_inlinable/floor");
BENCHMARK(sum<woven::inlinable_count, batch, batch>)->Name("generator_iota_inlinable/weft");
BENCHMARK(sum<bare::walk, depth, tree_elements>)->Name("generator_tree/floor");
BENCHMARK(sum<woven::walk, depth, tree_elements>)->Name("generator_tree/weft");

} // namespace

BENCHMARK_MAIN();
