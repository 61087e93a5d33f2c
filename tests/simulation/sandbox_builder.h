// Evaluation, build and images of simulated commits.
#pragma once
#include "core/build/builder.h"
#include "tests/simulation/providers.h"

namespace seed::simulation {

std::string out_path(const std::string &instance, const InstanceContent &content);

class SandboxBuilder : public build::Builder {
public:
    SandboxBuilder(asio::any_io_executor executor, Chance &chance, Outside &outside, const Faults &faults)
        : executor_(executor), chance_(chance), outside_(outside), faults_(faults), never_(std::make_shared<Event>(executor)) {}

    Task<build::Source> unpack(const Call &call, std::string ns, std::string tree, std::function<Task<void>(int)> produce) override;
    Task<json> evaluate(const Call &call, const build::Source &source) override;
    Task<void> build(const Call &call, const build::Source &source, std::map<std::string, std::string> drv_by_instance, std::string generation) override;
    Task<build::Image> image(const Call &call, const std::string &ns, std::string out_path) override;
    bool has_image(const std::string &key) const override { return outside_.image_files.contains("/images/" + key); }
    Task<void> collect(const Call &call, const std::string &ns, std::vector<std::string> keep_generations, std::vector<std::string> keep_trees) override;
    void remove_images_except(const std::vector<std::string> &keys) override;

private:
    Task<void> work(const Call &call, uint64_t from_ms, uint64_t to_ms);  // takes its time; fails now and then

    asio::any_io_executor executor_;
    Chance &chance_;
    Outside &outside_;
    const Faults &faults_;
    std::shared_ptr<Event> never_;
};

}  // namespace seed::simulation
