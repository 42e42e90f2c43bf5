// Adding an awaitable: the page to copy. A doorbell: `co_await bell.next_ring()` waits until
// somebody rings, and returns who. Everybody who waits hears it, in the order in which they began
// to wait.
//   ./custom_awaitable
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <weft/weft.hpp>
using namespace std::chrono_literals;

class doorbell {
public:
    // 3. What users call returns a description: it can be moved, kept, or handed to when_any.
    //    co_await makes the operation from it, in the frame that awaits: nothing is allocated.
    auto next_ring() { return weft::prepared<waiting, doorbell*>(this); }

    void ring(std::string who) {
        while (!visitors_.empty()) {
            waiting& next = visitors_.pop_front();
            next.who_ = who;
            next.complete(); // its coroutine goes on when its turn comes, not inside of this call
        }
    }

private:
    // 2. The operation: a hook for the list, and three functions. If the coroutine is destroyed
    //    where it waits, the hook leaves the list by itself.
    class waiting final : public weft::operation<waiting>, public weft::list_hook<> {
    public:
        explicit waiting(doorbell* bell) : bell_(bell) {}

        void start(weft::branch&) noexcept { // bool, if it may be complete already: true
            bell_->visitors_.push_back(*this);
        }
        bool withdraw() noexcept override { // the branch is cancelled
            unlink();
            return true; // withdrawn at once and without effect; false: it ends later
        }
        std::string await_resume() { return std::move(who_); }

    private:
        friend doorbell;
        doorbell* bell_;
        std::string who_;
    };

    // 1. The state: here, who waits.
    weft::intrusive_list<waiting> visitors_;
};

weft::task<> answer(doorbell& bell) {
    const std::string who = co_await bell.next_ring();
    std::cout << "hello, " << who << '\n';

    // It can be cancelled like any other.
    auto again = co_await weft::try_for(100ms, bell.next_ring());
    std::cout << (again ? "again" : "nobody else") << '\n';
}

weft::task<> visit(doorbell& bell) {
    co_await weft::sleep_for(50ms);
    bell.ring("postman");
}

weft::task<> morning() {
    doorbell bell;
    co_await weft::when_all(answer(bell), visit(bell));
}

int main() { weft::run(morning()); }
