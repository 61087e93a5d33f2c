// Several storage providers as one: the first makes new volumes, the others keep those that they have.
//
// A volume stays with whoever has it: it is attached, grown, listed and deleted there.  The lists of all of them say who that is; while one
// cannot be asked, nothing is made, since a volume that is taken for missing would be made again, empty.  Nothing moves from one to another.
// A volume that two have (somebody copied it by hand) is that of the first one.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/providers/provider.h"

namespace seed::providers {

class Storages final : public Provider {
public:
    explicit Storages(std::vector<std::shared_ptr<Provider>> those);   // at least one

    Task<json> call(const Call &call, std::string slot, json request, CallOptions options = {}) override;
    // Of the one that makes new volumes.
    const ProviderSettings &settings() const override { return those_.front()->settings(); }
    json describe() const override { return those_.front()->describe(); }
    Task<void> restart(const Call &call) override { return those_.front()->restart(call); }
    const Secrets &secrets() const override { return those_.front()->secrets(); }
    void shut_down() override;   // all of them

    // Who has the volume, or would make it, as of the last list: "storage-localpath"; empty when there is one provider only.
    std::string place_of(const std::string &volume) const;
    // True: not with the one that makes new ones.
    bool is_kept_elsewhere(const std::string &volume) const { return elsewhere_.contains(volume); }

private:
    Task<json> list(const Call &call);
    Task<json> check(const Call &call, json request);
    std::vector<std::shared_ptr<Provider>> those_;
    std::map<std::string, size_t> elsewhere_;   // volumes of others than the first
    bool known_ = false;                        // elsewhere_ is complete: nobody but the first makes any
};

}  // namespace seed::providers
