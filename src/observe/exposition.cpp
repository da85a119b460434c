#include "observe/exposition.hpp"

#include <chrono>
#include <limits>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace milter::observe {

namespace {

prometheus::MetricType type_of(metric_type one) {
    switch (one) {
    case metric_type::counter:
        return prometheus::MetricType::Counter;
    case metric_type::gauge:
        return prometheus::MetricType::Gauge;
    case metric_type::histogram:
        return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

double in_seconds(std::chrono::microseconds time) {
    return std::chrono::duration<double>(time).count();
}

// There, a bucket counts what the ones before it count, too.
prometheus::ClientMetric::Histogram distribution_of(histogram::reading const& from) {
    prometheus::ClientMetric::Histogram to;
    to.sample_count = from.count();
    to.sample_sum = in_seconds(from.sum);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < from.counts.size(); ++i) {
        so_far += from.counts[i];
        bool const is_last = i == histogram::bounds_us.size();
        auto const end = is_last ? std::numeric_limits<double>::infinity()
                                 : in_seconds(std::chrono::microseconds(histogram::bounds_us[i]));
        to.bucket.push_back({so_far, end});
    }
    return to;
}

prometheus::ClientMetric metric_of(sample const& from, metric_type type) {
    prometheus::ClientMetric to;
    for (auto const& [name, value] : from.labels)
        to.label.push_back({std::string(name), value});
    if (type == metric_type::counter)
        to.counter.value = from.value;
    else if (type == metric_type::gauge)
        to.gauge.value = from.value;
    else
        to.histogram = distribution_of(from.distribution);
    return to;
}

} // namespace

std::string exposition_of(std::vector<family> const& all) {
    std::vector<prometheus::MetricFamily> to;
    for (auto const& one : all) {
        if (one.samples.empty()) continue;
        auto const& what = info_of(one.which);
        prometheus::MetricFamily family{
            std::string(what.name), std::string(what.help), type_of(what.type), {}};
        for (auto const& each : one.samples)
            family.metric.push_back(metric_of(each, what.type));
        to.push_back(std::move(family));
    }
    return prometheus::TextSerializer().Serialize(to);
}

} // namespace milter::observe
