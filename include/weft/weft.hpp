// SPDX-License-Identifier: MIT
#pragma once

// All that programs use; TLS (net/tls_*), debug/ and testing/ are included where they are wanted.
// Each header can be included on its own.

// Coroutines
#include <weft/coro/async_generator.hpp> // a sequence that awaits between its elements
#include <weft/coro/generator.hpp>       // std::generator for C++20
#include <weft/coro/shared_task.hpp>     // a task that several await
#include <weft/coro/task.hpp>            // the coroutine that everything else awaits
#include <weft/coro/task_allocation.hpp> // tasks whose frames an allocator provides
#include <weft/coro/task_group.hpp>      // children that run concurrently and end together
#include <weft/coro/task_local.hpp>      // values that belong to a task
#include <weft/coro/this_task.hpp>       // the task that runs

// The loop and time
#include <weft/loop/event_loop.hpp>    // what runs it all
#include <weft/loop/run.hpp>           // weft::run(main())
#include <weft/loop/task_report.hpp>   // who waits for what
#include <weft/loop/wait_readable.hpp> // descriptors of other libraries
#include <weft/loop/watched_fd.hpp>    // the same, for long
#include <weft/time/sleep.hpp>
#include <weft/time/ticker.hpp>
#include <weft/time/yield.hpp>

// Running several things at once
#include <weft/compose/as_completed.hpp>
#include <weft/compose/bind_task.hpp>
#include <weft/compose/cancel_scope.hpp>
#include <weft/compose/finally.hpp>
#include <weft/compose/for_each_concurrent.hpp>
#include <weft/compose/from_callback.hpp>
#include <weft/compose/from_callback_threadsafe.hpp>
#include <weft/compose/shield.hpp>
#include <weft/compose/when_all.hpp>
#include <weft/compose/when_all_settled.hpp>
#include <weft/compose/when_any.hpp>
#include <weft/compose/with_task_group.hpp>
#include <weft/compose/with_timeout.hpp>

// Threads
#include <weft/threads/run_on.hpp>      // a task on the loop of another thread
#include <weft/threads/thread_pool.hpp>
#include <weft/threads/to_thread.hpp>   // what blocks or computes for long

// Sockets
#include <weft/net/buffered_reader.hpp> // lines and records
#include <weft/net/buffered_writer.hpp>
#include <weft/net/connect.hpp>
#include <weft/net/duplex.hpp>          // a connection in memory
#include <weft/net/endpoint.hpp>
#include <weft/net/resolve.hpp>
#include <weft/net/send_file.hpp>
#include <weft/net/serve.hpp>
#include <weft/net/tcp_listener.hpp>
#include <weft/net/tcp_stream.hpp>
#include <weft/net/udp_socket.hpp>
#include <weft/net/unix_listener.hpp>
#include <weft/net/unix_stream.hpp>
#include <weft/net/write_all.hpp>

// Processes and signals
#include <weft/os/pipe.hpp>
#include <weft/os/run_interruptible.hpp> // Ctrl-C cancels main
#include <weft/os/run_process.hpp>
#include <weft/os/signal_set.hpp>
#include <weft/os/spawn_process.hpp>
#include <weft/os/standard_streams.hpp>

// Synchronisation
#include <weft/sync/barrier.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/oneshot.hpp>
#include <weft/sync/priority_channel.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/shared_mutex.hpp>

// Errors
#include <weft/core/error.hpp>
#include <weft/core/exception_group.hpp>
