using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log;
using Quorate.Tests.Core.Map;
using Quorate.Tests.Core.Merkle;
using Xunit;

namespace Quorate.Tests.Log;

/// <summary>Random submits against a list and a dictionary.</summary>
public sealed class PublishedLogModelTests
{
    [Fact]
    public void Submits_give_the_roots_and_look_ups_of_a_naive_model()
    {
        var submit = Gen.ListOf(Gen.Zip(Gen.Choose(0, 12), Gen.Choose(0, 3)));
        var submits = Gen.ListOf(submit).Resize(12).ToArbitrary();
        Prop.ForAll(submits, list => RunAsync([.. list.Select(s => s.ToArray())])).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    static async Task RunAsync((int Key, int Value)[][] submits)
    {
        using var fixture = new LogFixture();
        var model = new Model();
        await using (var log = await fixture.OpenAsync())
        {
            model.AddHead();
            foreach (var submit in submits)
            {
                var items = submit.Select(p => LogExtensions.Item($"key {p.Key}", $"value {p.Value}")).ToArray();
                await log.SubmitAsync(items);
                model.Submit(submit);
                model.AssertSame(log);
            }
        }
        await using var reopened = await fixture.OpenAsync();
        model.AssertSame(reopened);
    }

    sealed class Model
    {
        readonly List<(string Key, string Value)> _entries = [];
        readonly List<Sha256Digest> _mapHistory = [];

        public void Submit((int Key, int Value)[] items)
        {
            var before = _entries.Count;
            foreach (var (key, value) in items)
            {
                var entry = ($"key {key}", $"value {value}");
                if (!_entries.Contains(entry))
                {
                    _entries.Add(entry);
                }
            }
            if (_entries.Count > before)
            {
                AddHead();
            }
        }

        public void AddHead() => _mapHistory.Add(TreeHash.Leaf(MapRoot().AsSpan()));

        public void AssertSame(PublishedLog log)
        {
            var leaves = _entries.Select(e => TreeHash.EntryLeaf(Encoding.UTF8.GetBytes(e.Key), Digest(e.Value))).ToArray();
            Assert.Equal((ulong)leaves.Length, log.Head.TreeSize);
            Assert.Equal(NaiveTree.Root(leaves), log.Head.LogRoot);
            Assert.Equal(MapRoot(), log.Head.MapRoot);
            Assert.Equal(NaiveTree.Root(_mapHistory.ToArray()), log.Head.MhRoot);
            foreach (var key in _entries.Select(e => e.Key).Distinct())
            {
                var expected = _entries.Where(e => e.Key == key).Select(e => Digest(e.Value));
                Assert.Equal(expected, log.EntriesOf(Encoding.UTF8.GetBytes(key)).Select(e => e.ValueDigest));
            }
        }

        Sha256Digest MapRoot()
        {
            var map = new List<MapInsertion>();
            var seen = new HashSet<string>();
            for (var i = 0; i < _entries.Count; i++)
            {
                if (seen.Add(_entries[i].Key))
                {
                    map.Add(MapInsertion.Of(Encoding.UTF8.GetBytes(_entries[i].Key), Digest(_entries[i].Value), (ulong)i));
                }
            }
            return NaiveMap.Root(map);
        }

        static Sha256Digest Digest(string text) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(text));
    }
}
