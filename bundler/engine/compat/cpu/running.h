// Graphs that are being computed, and a memory that each of them has until it is done.
//
// llama.cpp does not tell the function of a node when its graph begins, and what a mask says lies where the last
// graph's lay. So the function that computes a graph is ours, too (attention.cpp). A node finds its graph by the work
// buffer, which no two graphs share at a time.
#pragma once

#include <atomic>

namespace {

template <typename Memory> class Running {
  public:
    // A graph with this work buffer begins; it ends with this object.
    explicit Running(const void * work) {
        if (!work) return;
        for (Slot & one : slots) {
            Running * nobody = nullptr;
            if (!one.graph.compare_exchange_strong(nobody, this)) continue;
            one.work.store(work, std::memory_order_release);
            slot = &one;
            return;
        }
    }

    ~Running() {
        if (!slot) return;
        slot->work.store(nullptr, std::memory_order_release);
        slot->graph.store(nullptr, std::memory_order_release);
    }

    Running(const Running &) = delete;
    Running & operator=(const Running &) = delete;

    // Of the graph with this work buffer. Null where more are computed at a time than there are slots, or where one
    // was begun past us: then nothing can be kept.
    static Memory * memory(const void * work) {
        for (Slot & one : slots)
            if (work && one.work.load(std::memory_order_acquire) == work) return &one.graph.load()->kept;
        return nullptr;
    }

  private:
    struct Slot {
        std::atomic<Running *> graph{nullptr};
        std::atomic<const void *> work{nullptr};
    };

    static Slot slots[16];

    Slot * slot = nullptr;
    Memory kept;
};

template <typename Memory> typename Running<Memory>::Slot Running<Memory>::slots[16];

}  // namespace
