// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weft/core/branch_owner.hpp>
#include <weft/core/child.hpp>
#include <weft/core/scheduler.hpp>

namespace weft {

/// The branch that a loop runs for its own sake: what was given to `run`. It is queued at once.
template <forkable A>
class main_branch final : public branch_owner {
public:
    main_branch(scheduler& loop, A&& main) : child_(*this, std::move(main)) {
        attach(loop, nullptr);
        adopt(child_);
        enqueue(child_);
    }
    ~main_branch() {
        drop_children();
        // What `run` throws by itself goes first.
        if (auto lost = child_.error()) loop().lost(std::move(lost), child_.name());
    }

    void child_ended(branch&, ending) noexcept override { done_ = true; }
    const bool& done() const noexcept { return done_; }
    auto& main() noexcept { return child_; }

private:
    child<A> child_;
    bool done_ = false;
};

} // namespace weft
