// Counters, gauges and histograms, shown as Prometheus' text format (version 0.0.4).  One context, no globals: seedd has one.
//
// Families are declared once, with help and type; a series appears with its first value.  Label values that tenants choose are
// never used: the number of series stays small.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace seed::events {

struct Entry;

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
public:
    Metrics();
    void add(const std::string &family, const Labels &labels = {}, double amount = 1);
    void set(const std::string &family, const Labels &labels, double value);
    void clear(const std::string &family);  // a gauge whose series are all told anew
    void observe(const std::string &family, const Labels &labels, double seconds);
    void count(const Entry &entry);  // what an event means in numbers
    std::string text() const;

private:
    enum class Type { counter, gauge, histogram };
    struct Histogram {
        std::vector<uint64_t> buckets;
        uint64_t count = 0;
        double sum = 0;
    };
    struct Family {
        Type type;
        std::string help;
        std::map<std::string, double> values;         // by labels, as they are written
        std::map<std::string, Histogram> histograms;  // the same
    };
    void declare(const std::string &name, Type type, const std::string &help);

    std::map<std::string, Family> families_;
};

}  // namespace seed::events
