using Quorate.Fuzz;
using Xunit;

namespace Quorate.Tests.Fuzz;

public sealed class FuzzTargetTests
{
    const int Inputs = 3000;

    public static TheoryData<string> Names => [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Target_survives_mutations_of_its_seeds(string name)
    {
        var target = FuzzTargets.All.Single(target => target.Name == name);
        var finding = FuzzRunner.Run(target, randomSeed: 1, inputs => inputs < Inputs, out _);
        Assert.True(finding is null, $"{finding?.Fault}\ninput: {(finding is null ? "" : Convert.ToHexString(finding.Input))}");
    }

    [Fact]
    public void Run_of_a_broken_target_reports_the_input()
    {
        var finding = FuzzRunner.Run(new Fragile(), randomSeed: 1, inputs => inputs < 100_000, out var inputs);
        Assert.NotNull(finding);
        Assert.IsType<IndexOutOfRangeException>(finding.Fault);
        Assert.True(finding.Input.Length < 3);
        Assert.True(inputs > 1);
    }

    sealed class Fragile : IFuzzTarget
    {
        public string Name => "fragile";

        public IEnumerable<byte[]> Seeds => ["abcdef"u8.ToArray()];

        public void Run(ReadOnlySpan<byte> input) => _ = input[2];
    }
}
