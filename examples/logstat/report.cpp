// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <ratio>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

namespace logstat {

namespace {

constexpr std::size_t bar_width = 30;
constexpr std::size_t key_width = 58;

/// Bars from U+2588 and its smaller sisters where the locale can show them, else from '#'.
bool unicode() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const std::string_view locale = value;
        return locale.ends_with("UTF-8") || locale.ends_with("utf8");
    }
    return false;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string bar(double share) {
    const auto eighths = static_cast<std::size_t>(share * bar_width * 8 + 0.5);
    if (!unicode()) return std::string((eighths + 7) / 8, '#');
    constexpr std::array<std::string_view, 8> parts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    std::string drawn;
    for (std::size_t i = 0; i < eighths / 8; ++i) drawn += "█";
    return drawn.append(eighths == 0 && share > 0 ? parts[1] : parts[eighths % 8]);
}

std::string grouped(std::uint64_t number) { // 1234567 -> 1,234,567
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
    return digits;
}

std::string bytes(double size) {
    for (std::string_view unit : {"bytes", "KiB", "MiB", "GiB"}) {
        if (size < 1024) return fmt::format("{:.{}f} {}", size, unit == "bytes" ? 0 : 1, unit);
        size /= 1024;
    }
    return fmt::format("{:.1f} TiB", size);
}

std::string date_and_time(std::chrono::local_seconds time) {
    return fmt::format("{:%e %b %Y %H:%M}",
                       fmt::gmtime(static_cast<std::time_t>(time.time_since_epoch().count())));
}

/// Without control characters: a log holds what strangers sent.
std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
    return text;
}

/// Printable and not too long.
std::string shown(std::string_view key) {
    std::string text(key.substr(0, key_width));
    if (key.size() > key_width) {
        // never half of a UTF-8 sequence
        while (!text.empty() && (static_cast<unsigned char>(key[text.size()]) & 0xC0U) == 0x80U)
            text.pop_back();
        text += "...";
    }
    return text.empty() ? "(none)" : printable(std::move(text));
}

void heading(output& out, std::string_view text) {
    const bool bold = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    out << (bold ? "\n\x1b[1m" : "\n") << text << (bold ? "\x1b[0m\n" : "\n");
}

void line(output& out, std::string_view name, std::uint64_t count, std::uint64_t whole) {
    const double share = ratio(count, whole);
    out << fmt::format("  {:<17}{:>10}  {:>5.1f} %  {}\n", name, grouped(count), 100 * share,
                       bar(share));
}

void top_list(output& out, std::string_view title, const counts& table, std::size_t top) {
    heading(out, fmt::format("{} ({} different)", title, grouped(table.size())));
    for (const row& one : table.top(top))
        out << fmt::format("  {:>10}  {}\n", grouped(one.count), shown(one.key));
}

void status_classes(output& out, const tally& total, std::uint64_t requests) {
    constexpr std::array<std::string_view, 5> names{
        "1xx information", "2xx success", "3xx redirect", "4xx client error", "5xx server error"};
    heading(out, "Status");
    std::array<std::uint64_t, names.size()> sums{};
    std::uint64_t others = requests;
    for (const row& one : total[table::statuses].top()) {
        const auto which = static_cast<std::size_t>(one.key[0] - '1');
        if (which >= sums.size()) continue;
        sums[which] += one.count;
        others -= one.count;
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        if (sums[i] != 0) line(out, names[i], sums[i], requests);
    if (others != 0) line(out, "other", others, requests);
}

void hours_of_day(output& out, const tally& total) {
    std::array<std::uint64_t, 24> sums{};
    const auto hours = total[table::hours].top();
    for (const row& one : hours) // "10/Oct/2000:13"
        sums[static_cast<std::size_t>((one.key[12] - '0') * 10 + (one.key[13] - '0'))] += one.count;
    const std::uint64_t most = std::ranges::max(sums);

    heading(out, "Hours of the day");
    constexpr std::array<std::string_view, 9> levels{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    constexpr std::string_view plain = " .:-=+*#@";
    std::string spark;
    for (std::uint64_t sum : sums) {
        const auto level =
            sum == 0 ? std::size_t{0} : static_cast<std::size_t>(ratio(sum, most) * 7 + 1.5);
        for (int wide = 0; wide < 2; ++wide)
            spark += unicode() ? levels[level] : plain.substr(level, 1);
    }
    out << "  " << spark << "\n  00          06          12          18\n";
    std::string busiest(hours.front().key);
    std::ranges::replace(busiest, '/', ' ');
    busiest[11] = ' ';
    out << fmt::format("  The busiest was {}:00 with {} requests.\n", busiest,
                       grouped(hours.front().count));
}

void print_web_report(output& out, const tally& total, std::uint64_t requests, std::size_t top) {
    out << fmt::format("  {} requests from {} hosts, {} served ({} a request)\n", grouped(requests),
                       grouped(total[table::hosts].size()),
                       bytes(static_cast<double>(total.bytes_served)),
                       bytes(ratio(total.bytes_served, requests)));
    const double minutes =
        std::chrono::duration<double, std::ratio<60>>(total.last - total.first).count();
    out << fmt::format("  {} to {}", date_and_time(total.first), date_and_time(total.last));
    out << (minutes > 0 ? fmt::format(", {:.1f} requests a minute\n",
                                      static_cast<double>(requests) / minutes)
                        : "\n");

    status_classes(out, total, requests);
    hours_of_day(out, total);
    top_list(out, "Hosts", total[table::hosts], top);
    top_list(out, "Paths", total[table::paths], top);
    top_list(out, "Agents", total[table::agents], top);
}

void print_columns(output& out, const tally& total, std::uint64_t records, std::size_t top) {
    heading(out, fmt::format("Columns that --by can count ({} records)", grouped(records)));
    for (const row& one : total[table::columns].top(std::max<std::size_t>(top, 40)))
        line(out, shown(one.key).substr(0, 17), one.count, records);
}

} // namespace

void print_rows(output& out, const std::vector<row>& rows) {
    std::string text;
    for (const row& one : rows) {
        text.clear();
        fmt::format_to(std::back_inserter(text), "{:>7} ", one.count);
        out << text << one.key << "\n";
    }
}

void print_report(output& out, const tally& total, const std::deque<input_summary>& inputs,
                  std::size_t top) {
    std::uint64_t lines = 0, malformed = 0;
    for (const input_summary& one : inputs) lines += one.lines, malformed += one.malformed;
    const std::string name =
        inputs.size() == 1 ? shown(inputs.front().name) : fmt::format("{} inputs", inputs.size());
    heading(out,
            fmt::format("{}: {} lines, {} malformed", name, grouped(lines), grouped(malformed)));

    std::uint64_t web = 0;
    for (const row& one : total[table::statuses].top()) web += one.count;
    if (web != 0) print_web_report(out, total, web, top);
    if (total[table::columns].size() != 0) print_columns(out, total, total.records - web, top);
    out << "\n";
}

void print_malformed(std::string_view name, const std::vector<malformed_line>& lines) {
    std::string text;
    for (const malformed_line& one : lines)
        fmt::format_to(std::back_inserter(text), "{}:{}: {}\n", printable(std::string(name)),
                       one.number, one.problem);
    std::fputs(text.c_str(), stderr);
}

bool print_problems(const std::deque<input_summary>& inputs) {
    bool all_read = true;
    for (const input_summary& one : inputs) {
        if (one.malformed != 0)
            fmt::print(
                stderr,
                "logstat: {}: {} of {} lines malformed and left out (the first is line {}: {})\n",
                printable(one.name), one.malformed, one.lines, one.first_malformed.number,
                one.first_malformed.problem);
        if (!one.error.empty()) fmt::print(stderr, "logstat: {}\n", printable(one.error));
        all_read = all_read && one.error.empty();
    }
    return all_read;
}

} // namespace logstat
