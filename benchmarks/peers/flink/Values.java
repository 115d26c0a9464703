/** W1's six values of one window: number, sum, average, minimum, maximum, standard deviation of the population. */
final class Values {
    static final int COUNT = 6;

    private Values() {}

    /** Whole cents and their squares; exact until the last step, as long as the squares' sum fits 63 bits. */
    static void write(double[] row, int window, long count, long sum, long squares, long low, long high) {
        int at = window * COUNT;
        row[at] = count;
        row[at + 1] = sum / 100.0;
        row[at + 2] = (double) sum / count / 100.0;
        row[at + 3] = low / 100.0;
        row[at + 4] = high / 100.0;
        // count * squares - sum * sum, in 128 bits.
        long lowerA = count * squares;
        long lowerB = sum * sum;
        long upper = Math.multiplyHigh(count, squares) - Math.multiplyHigh(sum, sum);
        if (Long.compareUnsigned(lowerA, lowerB) < 0) upper--;
        long lower = lowerA - lowerB;
        double numerator = upper * 0x1p64 + (lower >>> 1) * 2.0 + (lower & 1);
        row[at + 5] = Math.sqrt(numerator) / count / 100.0;
    }
}
