#include "core/events/metrics.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "core/events/events.h"

namespace seed::events {
namespace {

// Seconds: from a provider's answer to a long build.
constexpr std::array<double, 15> bounds = {0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600};

std::string number(double value) {
    char text[40];
    if (value == std::floor(value) && std::fabs(value) < 1e15)
        std::snprintf(text, sizeof text, "%.0f", value);
    else
        std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

// Backslash, quote and line end as the format wants them.
std::string escaped(const std::string &value) {
    std::string text;
    for (char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n')
            text += "\\n";
        else
            text += c;
    }
    return text;
}

std::string written(const Labels &labels) {
    std::string text;
    for (const auto &[name, value] : labels) text += (text.empty() ? "" : ",") + name + "=\"" + escaped(value) + "\"";
    return text;
}

std::string series(const std::string &name, const std::string &labels) {
    return labels.empty() ? name : name + "{" + labels + "}";
}

}  // namespace

Metrics::Metrics() {
    declare("seed_build_info", Type::gauge, "1, with the version of seedd.");
    declare("seed_start_time_seconds", Type::gauge, "When seedd started, in seconds since 1970.");
    declare("seed_events_total", Type::counter, "Events told, by type (docs/shell.md).");
    declare("seed_pushes_total", Type::counter, "Pushes that were to be deployed, by what became of them.");
    declare("seed_refusals_total", Type::counter, "Requests refused by access, admission or quota.");
    declare("seed_stage_duration_seconds", Type::histogram, "Duration of the stages of a push: evaluate, build, start, whole.");
    declare("seed_boots_total", Type::counter, "Boots of virtual machines that were started.");
    declare("seed_boot_ready_seconds", Type::histogram, "From the start of a boot until it was ready.");
    declare("seed_exits_total", Type::counter, "Boots that ended, by cause.");
    declare("seed_provider_calls_total", Type::counter, "Calls of providers, by kind, plugin, operation and result code.");
    declare("seed_provider_call_duration_seconds", Type::histogram, "Duration of answered provider calls that are no streams.");
    declare("seed_provider_up", Type::gauge, "1 while the provider answers.");
    declare("seed_provider_restarts_total", Type::counter, "How often the provider's host was started again.");
    declare("seed_provider_replacements_total", Type::counter, "How often the operator had its file taken up anew.");
    declare("seed_flakes", Type::gauge, "Flakes by what their queue does now.");
    declare("seed_flakes_in_trouble", Type::gauge, "Flakes whose last healing failed.");
    declare("seed_waiting_revisions", Type::gauge, "Pushes that wait for their turn.");
    declare("seed_virtual_machines", Type::gauge, "Boots by state.");
    declare("seed_requests_in_flight", Type::gauge, "Front requests being answered.");
    declare("seed_process_resident_bytes", Type::gauge, "Resident memory of the platform's processes, by program.");
    declare("seed_processes", Type::gauge, "The platform's processes, by program.");
}

void Metrics::declare(const std::string &name, Type type, const std::string &help) {
    families_.emplace(name, Family{type, help, {}, {}});
}

void Metrics::add(const std::string &family, const Labels &labels, double amount) {
    families_.at(family).values[written(labels)] += amount;
}

void Metrics::set(const std::string &family, const Labels &labels, double value) {
    families_.at(family).values[written(labels)] = value;
}

void Metrics::clear(const std::string &family) {
    families_.at(family).values.clear();
}

void Metrics::observe(const std::string &family, const Labels &labels, double seconds) {
    Histogram &histogram = families_.at(family).histograms[written(labels)];
    histogram.buckets.resize(bounds.size());
    for (size_t i = 0; i < bounds.size(); ++i)
        if (seconds <= bounds[i]) ++histogram.buckets[i];
    ++histogram.count;
    histogram.sum += seconds;
}

void Metrics::count(const Entry &entry) {
    add("seed_events_total", {{"type", entry.type}});
    double seconds = static_cast<double>(entry.duration_ms) / 1000;
    bool timed = entry.duration_ms >= 0;
    if (entry.type == "booted") add("seed_boots_total");
    if (entry.type == "exited") add("seed_exits_total", {{"cause", cause_of_exit(entry.reason)}});
    if (entry.type == "ready" && timed) observe("seed_boot_ready_seconds", {}, seconds);
    if (entry.type == "evaluated" && timed) observe("seed_stage_duration_seconds", {{"stage", "evaluate"}}, seconds);
    if (entry.type == "built" && timed) observe("seed_stage_duration_seconds", {{"stage", "build"}}, seconds);
    if (entry.type == "started" && timed) observe("seed_stage_duration_seconds", {{"stage", "start"}}, seconds);
    if (entry.type == "deployed" || entry.type == "failed" || entry.type == "superseded") {
        add("seed_pushes_total", {{"result", entry.type}});
        if (timed && entry.type != "superseded") observe("seed_stage_duration_seconds", {{"stage", "whole"}}, seconds);
    }
}

std::string Metrics::text() const {
    std::string text;
    for (const auto &[name, family] : families_) {
        if (family.values.empty() && family.histograms.empty()) continue;
        const char *types[] = {"counter", "gauge", "histogram"};
        text += "# HELP " + name + " " + family.help + "\n# TYPE " + name + " " + types[static_cast<int>(family.type)] + "\n";
        for (const auto &[labels, value] : family.values) text += series(name, labels) + " " + number(value) + "\n";
        for (const auto &[labels, histogram] : family.histograms) {
            std::string more = labels.empty() ? "" : labels + ",";
            for (size_t i = 0; i < bounds.size(); ++i)
                text += name + "_bucket{" + more + "le=\"" + number(bounds[i]) + "\"} " + std::to_string(histogram.buckets[i]) + "\n";
            text += name + "_bucket{" + more + "le=\"+Inf\"} " + std::to_string(histogram.count) + "\n";
            text += series(name + "_sum", labels) + " " + number(histogram.sum) + "\n";
            text += series(name + "_count", labels) + " " + std::to_string(histogram.count) + "\n";
        }
    }
    return text;
}

}  // namespace seed::events
